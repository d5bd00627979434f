/** Parses tuples, objects and `for` expressions. */
import { describeToken } from "./reader.js";
import type { Reader, Token } from "./reader.js";
import type { Expression, ObjectItem } from "./syntax.js";
import { readForHeader } from "./templates.js";
import type { ParseExpression } from "./templates.js";

/** Reads the items of a tuple; `[` is read already. */
export function parseTuple(reader: Reader, open: Token, parse: ParseExpression): Expression {
  const items: Expression[] = [];
  while (!reader.accept("]")) {
    if (reader.peek().kind === "end") throw separatorFault(reader, open, reader.peek(), "]");
    items.push(parse(reader));
    if (reader.accept(",")) continue;
    const token = reader.peek();
    if (reader.accept("]")) break;
    throw separatorFault(reader, open, token, '"," or "]" after an item of the list');
  }
  return { kind: "tuple", items, span: reader.span(open.start) };
}

/** Reads the entries of an object; `{` is read already. */
export function parseObject(reader: Reader, open: Token, parse: ParseExpression): Expression {
  const items: ObjectItem[] = [];
  for (;;) {
    reader.skipNewlines();
    if (reader.accept("}")) break;
    if (reader.peek().kind === "end") throw separatorFault(reader, open, reader.peek(), "}");
    items.push(parseItem(reader, open, parse));
    if (reader.accept("}")) break;
    const token = reader.peek();
    if (token.kind === "newline" || reader.at(",")) reader.take();
    else throw separatorFault(reader, open, token, 'a new line, "," or "}" after a value');
  }
  return { kind: "object", items, span: reader.span(open.start) };
}

function parseItem(reader: Reader, open: Token, parse: ParseExpression): ObjectItem {
  const start = reader.peek();
  const key = keyOf(parse(reader), start.kind === "symbol" && start.text === "(");
  const token = reader.peek();
  if (!reader.accept("=") && !reader.accept(":")) {
    throw separatorFault(reader, open, token, '"=" or ":" after the key of an object');
  }
  return { key, value: parse(reader) };
}

/** Makes a bare identifier a literal string: `{ name = 1 }` has the key "name". */
function keyOf(key: Expression, isParenthesized: boolean): Expression {
  if (isParenthesized) return key;
  if (key.kind === "variable") return { kind: "literal", value: key.name, span: key.span };
  if (key.kind === "literal" && (typeof key.value === "boolean" || key.value === null)) {
    return { kind: "literal", value: String(key.value), span: key.span };
  }
  return key;
}

/** The fault is at the opening bracket if the file ends before the closing one. */
function separatorFault(reader: Reader, open: Token, token: Token, expected: string): Error {
  if (token.kind === "end") {
    const closing = open.text === "[" ? "]" : "}";
    return reader.fault(`This "${open.text}" is not closed by "${closing}".`, open);
  }
  return reader.fault(`Expected ${expected}, found ${describeToken(token)}.`, {
    start: token.start,
    end: token.end,
  });
}

/** Reads `for … in collection : value if condition` up to the closing bracket. */
export function parseFor(reader: Reader, open: Token, parse: ParseExpression): Expression {
  reader.take();
  const header = readForHeader(reader);
  const collection = parse(reader);
  const colon = reader.peek();
  if (!reader.accept(":")) {
    throw reader.fault(`Expected ":" after the collection, found ${describeToken(colon)}.`, colon);
  }
  const first = parse(reader);
  const isObject = open.text === "{";
  let key: Expression | undefined;
  let value = first;
  const arrow = reader.peek();
  if (reader.accept("=>")) {
    if (!isObject) {
      throw reader.fault('"=>" is for objects: write "{ for … }" in place of "[ for … ]".', arrow);
    }
    key = first;
    value = parse(reader);
  } else if (isObject) {
    throw reader.fault(`Expected "=>" after the key, found ${describeToken(arrow)}.`, arrow);
  }
  const dots = reader.peek();
  const group = reader.accept("...") !== undefined;
  if (group && !isObject) throw reader.fault('"..." groups the values of objects only.', dots);
  let condition: Expression | undefined;
  if (reader.atWord("if")) {
    reader.take();
    condition = parse(reader);
  }
  const closing = isObject ? "}" : "]";
  const end = reader.peek();
  if (!reader.accept(closing)) throw separatorFault(reader, open, end, `"${closing}"`);
  const span = reader.span(open.start);
  return { kind: "for", ...header, collection, key, value, condition, group, span };
}
