/** Parses expressions of HCL: operators, accesses, calls and texts. */
import { parseFor, parseObject, parseTuple } from "./collections.js";
import { describeToken } from "./reader.js";
import type { Reader, Token } from "./reader.js";
import type { BinaryOperator, Expression } from "./syntax.js";
import { parseHeredoc, parseQuoted } from "./templates.js";

/** Longest chain of operators or accesses at one level. */
const MAX_CHAIN = 1000;

/** Parses an expression at the reader's position. */
export function parseExpression(reader: Reader): Expression {
  return reader.nested(() => {
    const condition = parseBinary(reader, 0);
    if (!reader.accept("?")) return condition;
    const whenTrue = parseExpression(reader);
    const colon = reader.peek();
    if (!reader.accept(":")) {
      throw reader.fault(
        `Expected ":" and the value for a false condition, found ${describeToken(colon)}.`,
        colon,
      );
    }
    const whenFalse = parseExpression(reader);
    return {
      kind: "conditional",
      condition,
      whenTrue,
      whenFalse,
      span: reader.span(condition.span.start, whenFalse.span.end),
    };
  });
}

/** Precedence of the operators; all of them are left-associative. */
const PRECEDENCE: ReadonlyMap<string, { operator: BinaryOperator; level: number }> = new Map(
  (
    [
      ["||"],
      ["&&"],
      ["==", "!="],
      ["<", "<=", ">", ">="],
      ["+", "-"],
      ["*", "/", "%"],
    ] as const satisfies BinaryOperator[][]
  ).flatMap((operators, level) =>
    operators.map((operator) => [operator, { operator, level }] as const),
  ),
);

/** Reads operands and operators of a level and of the stronger ones. */
function parseBinary(reader: Reader, level: number): Expression {
  let left = parseUnary(reader);
  for (let count = 0; ; count += 1) {
    const token = reader.peek();
    const found = token.kind === "symbol" ? PRECEDENCE.get(token.text) : undefined;
    if (!found || found.level < level) return left;
    limitChain(reader, count, token);
    reader.take();
    const right = parseBinary(reader, found.level + 1);
    const span = reader.span(left.span.start, right.span.end);
    left = { kind: "binary", operator: found.operator, left, right, span };
  }
}

function limitChain(reader: Reader, count: number, token: Token): void {
  if (count < MAX_CHAIN) return;
  throw reader.fault(`This expression is too long: at most ${MAX_CHAIN} parts are read.`, token);
}

function parseUnary(reader: Reader): Expression {
  const token = reader.peek();
  const operator = reader.accept("-") ? "-" : reader.accept("!") ? "!" : undefined;
  if (operator === undefined) return parseAccesses(reader, parseTerm(reader));
  const operand = reader.nested(() => parseUnary(reader));
  return { kind: "unary", operator, operand, span: reader.span(token.start, operand.span.end) };
}

/** Reads `.name`, `[key]`, `.*` and `[*]` after a term. */
function parseAccesses(reader: Reader, term: Expression): Expression {
  let object = term;
  for (let count = 0; ; count += 1) {
    const token = reader.peek();
    limitChain(reader, count, token);
    if (reader.accept(".")) object = parseDot(reader, object);
    else if (reader.at("[")) {
      const next = parseIndex(reader, object);
      object = next;
      // A splat takes all accesses that follow it.
      if (next.kind === "splat") return next;
    } else return object;
  }
}

function parseDot(reader: Reader, object: Expression): Expression {
  if (reader.accept("*")) return parseAttributeSplat(reader, object);
  return parseAttributeAccess(reader, object);
}

/** Reads the name, or the number of the old index syntax, after a dot. */
function parseAttributeAccess(reader: Reader, object: Expression): Expression {
  const token = reader.peek();
  if (token.kind === "identifier") {
    reader.take();
    const span = reader.span(object.span.start, token.end);
    return { kind: "attribute", object, name: token.text, span };
  }
  if (token.kind === "number") {
    reader.take();
    // "list.0.1" looks like a fraction; each part is an index.
    return token.text.split(".").reduce<Expression>((inner, digits) => {
      if (!/^\d+$/.test(digits)) throw reader.fault(`"${token.text}" is not an index.`, token);
      const key: Expression = {
        kind: "literal",
        value: Number(digits),
        span: reader.span(token.start, token.end),
      };
      const span = reader.span(object.span.start, token.end);
      return { kind: "index", object: inner, key, span };
    }, object);
  }
  throw reader.fault(`Expected a name after ".", found ${describeToken(token)}.`, {
    start: object.span.start,
    end: Math.max(token.start, object.span.end + 1),
  });
}

function parseAttributeSplat(reader: Reader, object: Expression): Expression {
  let each: Expression = { kind: "element", span: reader.span(reader.position) };
  for (let count = 0; reader.at("."); count += 1) {
    limitChain(reader, count, reader.take());
    each = parseAttributeAccess(reader, each);
  }
  const span = reader.span(object.span.start, Math.max(each.span.end, reader.position));
  return { kind: "splat", object, full: false, each, span };
}

function parseIndex(reader: Reader, object: Expression): Expression {
  const open = reader.take();
  if (reader.at("*")) {
    reader.take();
    expectClose(reader, "]", open);
    const element: Expression = { kind: "element", span: reader.span(open.start) };
    const each = reader.nested(() => parseAccesses(reader, element));
    const span = reader.span(object.span.start, each.span.end);
    return { kind: "splat", object, full: true, each, span };
  }
  const key = reader.withNewlines(false, () => {
    const expression = parseExpression(reader);
    expectClose(reader, "]", open);
    return expression;
  });
  return { kind: "index", object, key, span: reader.span(object.span.start) };
}

/** Reads a closing bracket; the fault is at the opening one if the file ends. */
function expectClose(reader: Reader, symbol: string, open: Token): void {
  const token = reader.peek();
  if (reader.accept(symbol)) return;
  const message = `Expected "${symbol}" for this "${open.text}", found ${describeToken(token)}.`;
  throw reader.fault(message, token.kind === "end" ? open : token);
}

function parseTerm(reader: Reader): Expression {
  const token = reader.peek();
  switch (token.kind) {
    case "number":
      reader.take();
      return {
        kind: "literal",
        value: Number(token.text),
        span: reader.span(token.start, token.end),
      };
    case "identifier":
      return parseWord(reader);
    case "quote":
      return parseQuoted(reader, parseExpression);
    case "heredoc":
      return parseHeredoc(reader, parseExpression);
    case "symbol":
      if (token.text === "(") return parseParentheses(reader);
      if (token.text === "[") return parseBracket(reader);
      if (token.text === "{") return parseBrace(reader);
      break;
    default:
  }
  throw reader.fault(`Expected a value, found ${describeToken(token)}.`, token);
}

const CONSTANTS: Readonly<Record<string, boolean | null>> = {
  true: true,
  false: false,
  null: null,
};

function parseWord(reader: Reader): Expression {
  const token = reader.take();
  if (reader.at("(", "::")) return parseCall(reader, token);
  const span = reader.span(token.start, token.end);
  const constant = Object.hasOwn(CONSTANTS, token.text) ? CONSTANTS[token.text] : undefined;
  if (constant !== undefined) return { kind: "literal", value: constant, span };
  return { kind: "variable", name: token.text, span };
}

function parseCall(reader: Reader, word: Token): Expression {
  let name = word.text;
  while (reader.accept("::")) name += `::${reader.take().text}`;
  const open = reader.peek();
  if (!reader.accept("(")) throw reader.fault('Expected "(" after the name of a function.', open);
  const list: Expression[] = [];
  let expand = false;
  reader.withNewlines(false, () => {
    while (!reader.at(")") && reader.peek().kind !== "end") {
      list.push(parseExpression(reader));
      if (reader.accept("...")) {
        expand = true;
        break;
      }
      if (!reader.accept(",")) break;
    }
    expectClose(reader, ")", open);
  });
  return { kind: "call", name, arguments: list, expand, span: reader.span(word.start) };
}

function parseParentheses(reader: Reader): Expression {
  const open = reader.take();
  const inner = reader.withNewlines(false, () => {
    const expression = parseExpression(reader);
    expectClose(reader, ")", open);
    return expression;
  });
  return { kind: "parentheses", inner, span: reader.span(open.start) };
}

function parseBracket(reader: Reader): Expression {
  const open = reader.take();
  return reader.withNewlines(false, () =>
    reader.atWord("for")
      ? parseFor(reader, open, parseExpression)
      : parseTuple(reader, open, parseExpression),
  );
}

function parseBrace(reader: Reader): Expression {
  const open = reader.take();
  if (reader.withNewlines(false, () => reader.atWord("for") && !isKey(reader))) {
    return reader.withNewlines(false, () => parseFor(reader, open, parseExpression));
  }
  return reader.withNewlines(true, () => parseObject(reader, open, parseExpression));
}

/** Tells if "for" is followed by what makes it a key of an object. */
function isKey(reader: Reader): boolean {
  const start = reader.position;
  reader.take();
  const key = reader.at("=", ":");
  reader.moveTo(start);
  return key;
}
