/** Parses HCL files: blocks and their arguments. Several problems of a file are found at once. */
import type { Problems } from "../problems.js";
import { parseExpression } from "./expressions.js";
import { Reader, describeToken } from "./reader.js";
import type { Token } from "./reader.js";
import { SourceFile } from "./source.js";
import type { Attribute, Block, Body, Expression, Name } from "./syntax.js";
import { parseQuoted, parseTemplateFile } from "./templates.js";

/** Syntax errors after which the rest of a file is not read. */
const MAX_ERRORS = 20;

/** Parses a file. What cannot be read is added to the problems and left out. */
export function parseFile(file: SourceFile, problems: Problems): Body {
  const reader = new Reader(file, file.text.startsWith("\uFEFF") ? 1 : 0);
  const items: (Attribute | Block)[] = [];
  const names = new Map<string, Name>();
  for (let errors = 0; errors < MAX_ERRORS;) {
    const start = reader.position;
    try {
      const item = parseItem(reader);
      if (!item) break;
      if (item.kind === "attribute") refuseDuplicate(reader, names, item);
      items.push(item);
    } catch (error) {
      problems.addFault(error);
      errors += 1;
      reader.moveTo(nextItem(file.text, Math.max(reader.position, start + 1)));
    }
  }
  return { items, span: { file, start: 0, end: file.text.length } };
}

/** Parses a text that is one expression, such as the value of a variable on the command line. */
export function parseExpressionText(name: string, text: string): Expression {
  const reader = new Reader(new SourceFile(name, text));
  return reader.withNewlines(false, () => {
    const expression = parseExpression(reader);
    const rest = reader.peek();
    if (rest.kind === "end") return expression;
    throw reader.fault(`Expected the end of the value, found ${describeToken(rest)}.`, rest);
  });
}

/**
 * Parses a text with `${…}` and `%{…}`, such as a file of `templatefile` or a string in JSON: the
 * whole file, or a part of it.
 */
export function parseTemplateText(file: SourceFile, start = 0, end?: number): Expression {
  return parseTemplateFile(new Reader(file, start, end), parseExpression);
}

/** Offset of the next line that begins with an identifier in its first column. */
function nextItem(text: string, from: number): number {
  const pattern = /\n(?=[\p{ID_Start}_])/gu;
  pattern.lastIndex = Math.max(0, from - 1);
  const found = pattern.exec(text);
  return found ? found.index + 1 : text.length;
}

/** Reads an argument or a block of a file; undefined at its end. */
function parseItem(reader: Reader): Attribute | Block | undefined {
  reader.skipNewlines();
  const token = reader.peek();
  if (token.kind === "end") return undefined;
  return reader.withNewlines(true, () => parseNamed(reader));
}

function parseNamed(reader: Reader): Attribute | Block {
  const token = reader.take();
  if (token.kind !== "identifier") {
    throw reader.fault(
      `Expected the name of an argument or of a block, found ${describeToken(token)}.`,
      token,
    );
  }
  const name = { name: token.text, span: reader.span(token.start, token.end) };
  if (reader.accept("=")) {
    const value = parseExpression(reader);
    endOfLine(reader, `the value of "${name.name}"`);
    return { kind: "attribute", name, value };
  }
  return parseBlock(reader, name);
}

/** Reads the end of a line after an argument or a block. A closing brace is left to the caller. */
function endOfLine(reader: Reader, after: string): void {
  const token = reader.peek();
  if (token.kind === "newline") reader.take();
  else if (token.kind !== "end" && !reader.at("}")) {
    throw reader.fault(`Expected a new line after ${after}, found ${describeToken(token)}.`, token);
  }
}

function parseBlock(reader: Reader, type: Name): Block {
  const labels: Name[] = [];
  for (;;) {
    const token = reader.peek();
    if (token.kind === "quote") labels.push(parseLabel(reader));
    else if (token.kind === "identifier") {
      reader.take();
      labels.push({ name: token.text, span: reader.span(token.start, token.end) });
    } else break;
  }
  const headerEnd = labels.at(-1)?.span.end ?? type.span.end;
  const header = reader.span(type.span.start, headerEnd);
  const open = reader.peek();
  if (!reader.accept("{")) {
    const expected =
      labels.length > 0 ? '"{" after the labels of a block' : '"=" or "{" after a name';
    throw reader.fault(`Expected ${expected}, found ${describeToken(open)}.`, {
      start: type.span.start,
      end: Math.max(headerEnd, open.kind === "newline" ? 0 : open.end),
    });
  }
  const body = reader.nested(() => parseBody(reader, open));
  endOfLine(reader, `the block "${type.name}"`);
  return { kind: "block", type, labels, body, header };
}

function parseLabel(reader: Reader): Name {
  const start = reader.peek().start;
  const label = parseQuoted(reader, parseExpression);
  if (label.kind === "literal" && typeof label.value === "string") {
    return { name: label.value, span: label.span };
  }
  throw reader.fault("A block's label must be a quoted text without ${…}.", {
    start,
    end: reader.position,
  });
}

/** Reads the content of a block up to its closing brace; `{` is read already. */
function parseBody(reader: Reader, open: Token): Body {
  const items: (Attribute | Block)[] = [];
  const names = new Map<string, Name>();
  for (;;) {
    reader.skipNewlines();
    if (reader.accept("}")) break;
    if (reader.peek().kind === "end") throw reader.fault('This "{" is not closed by "}".', open);
    const item = parseNamed(reader);
    if (item.kind === "attribute") refuseDuplicate(reader, names, item);
    items.push(item);
  }
  return { items, span: reader.span(open.start) };
}

function refuseDuplicate(reader: Reader, names: Map<string, Name>, { name }: Attribute): void {
  const earlier = names.get(name.name);
  if (!earlier) {
    names.set(name.name, name);
    return;
  }
  const { line } = reader.file.position(earlier.span.start);
  throw reader.fault(`"${name.name}" is set already in line ${line}.`, name.span);
}
