/** Parses texts with interpolations and directives: quoted texts, heredocs and template files. */
import type { Reader, Token } from "./reader.js";
import { readEscape } from "./escapes.js";
import { describeToken } from "./reader.js";
import { buildParts } from "./directives.js";
import type { FlatPart, SequenceContent } from "./directives.js";
import type { Expression, TemplatePart } from "./syntax.js";

/** Parses an expression; given by the caller, because texts and expressions contain each other. */
export type ParseExpression = (reader: Reader) => Expression;

/** Reads a text in quotes. The reader is at the opening quote. */
export function parseQuoted(reader: Reader, parse: ParseExpression): Expression {
  const open = reader.take();
  const flat = readParts({ reader, parse, style: "quoted", open, isEnd: () => false });
  return textExpression(buildParts(reader, flat), reader, open);
}

/** Reads `<<WORD` or `<<-WORD` up to the line with the word. The reader is at the opening. */
export function parseHeredoc(reader: Reader, parse: ParseExpression): Expression {
  const open = reader.take();
  const flush = open.text.startsWith("<<-");
  const word = open.text.slice(flush ? 3 : 2).trimEnd();
  const isEnd = (line: string): boolean => line.trim() === word;
  const flat = readParts({ reader, parse, style: "heredoc", open, isEnd });
  if (flush) removeIndentation(flat);
  return textExpression(buildParts(reader, flat), reader, open);
}

/** Reads a whole file as a template, as `templatefile` does. */
export function parseTemplateFile(reader: Reader, parse: ParseExpression): Expression {
  const at = reader.position;
  const open: Token = { kind: "quote", text: "", start: at, end: at };
  const flat = readParts({ reader, parse, style: "file", open, isEnd: () => false });
  return textExpression(buildParts(reader, flat), reader, open);
}

/** Returns a literal where no part is computed; the wrapped expression of `"${x}"` stays a template. */
function textExpression(parts: readonly TemplatePart[], reader: Reader, open: Token): Expression {
  const span = reader.span(open.start);
  const [first] = parts;
  if (first === undefined) return { kind: "literal", value: "", span };
  if (parts.length === 1 && first.kind === "text") {
    return { kind: "literal", value: first.text, span };
  }
  return { kind: "template", parts, span };
}

interface TextSource {
  readonly reader: Reader;
  readonly parse: ParseExpression;
  readonly style: "quoted" | "heredoc" | "file";
  readonly open: Token;
  /** Tells if a line ends a heredoc. */
  readonly isEnd: (line: string) => boolean;
}

/** Reads literals, interpolations and directives up to the end of the text, which is read, too. */
function readParts(source: TextSource): FlatPart[] {
  const { reader, style } = source;
  const parts: FlatPart[] = [];
  let literal = { text: "", start: reader.position };
  const flush = (): void => {
    if (literal.text !== "") parts.push({ kind: "text", ...literal, end: reader.position });
    literal = { text: "", start: reader.position };
  };
  const text = reader.text;
  let lineStart = true;
  for (;;) {
    const at = reader.position;
    if (style === "heredoc" && lineStart && endsHere(source, at)) {
      flush();
      reader.moveTo(lineEnd(text, at));
      return parts;
    }
    lineStart = false;
    const character = text[at];
    if (character === undefined) {
      flush();
      if (style === "file") return parts;
      throw unterminated(source);
    }
    if (style === "quoted" && character === '"') {
      flush();
      reader.moveTo(at + 1);
      return parts;
    }
    if (style === "quoted" && (character === "\n" || character === "\r"))
      throw unterminated(source);
    const sequence = text.startsWith("${", at) || text.startsWith("%{", at);
    if (sequence) {
      flush();
      parts.push(readSequence(source));
      literal = { text: "", start: reader.position };
      continue;
    }
    const piece = readPiece(source, at);
    literal.text += piece.text;
    reader.moveTo(piece.end);
    if (style !== "quoted" && piece.text.endsWith("\n")) {
      flush();
      lineStart = true;
    }
  }
}

/** Characters without a meaning of their own, up to the end of a line. */
const PLAIN = {
  quoted: /[^"\\$%\r\n]+/y,
  heredoc: /[^$%\n]*\n|[^$%\n]+/y,
  file: /[^$%\n]*\n|[^$%\n]+/y,
};

/** Returns literal text at an offset: plain characters, an escape, or a doubled `$${` or `%%{`. */
function readPiece(source: TextSource, at: number): { text: string; end: number } {
  const { reader, style } = source;
  const text = reader.text;
  if (text.startsWith("$${", at) || text.startsWith("%%{", at)) {
    return { text: text.slice(at + 1, at + 3), end: at + 3 };
  }
  if (style === "quoted" && text[at] === "\\") return readEscape(reader, at);
  const pattern = PLAIN[style];
  pattern.lastIndex = at;
  const plain = pattern.exec(text)?.[0] ?? text.charAt(at);
  return { text: plain, end: at + plain.length };
}

function endsHere({ reader, isEnd }: TextSource, at: number): boolean {
  return at < reader.text.length && isEnd(reader.text.slice(at, lineEnd(reader.text, at)));
}

/** Returns the offset of the line's end, before its newline. */
function lineEnd(text: string, at: number): number {
  const newline = text.indexOf("\n", at);
  if (newline === -1) return text.length;
  return newline > at && text[newline - 1] === "\r" ? newline - 1 : newline;
}

function unterminated({ reader, style, open }: TextSource): Error {
  if (style === "heredoc") {
    const word = open.text.replace(/^<<-?/, "").trimEnd();
    return reader.fault(`This heredoc has no end: no line consists of "${word}" only.`, {
      start: open.start,
      end: open.start + open.text.trimEnd().length,
    });
  }
  const end = lineEnd(reader.text, open.start);
  return reader.fault(
    'This quoted text is not closed on its line. Write a line break as \\n, or use a heredoc ("<<EOT").',
    { start: open.start, end },
  );
}

/** Reads `${…}` or `%{…}`. */
function readSequence(source: TextSource): FlatPart {
  const { reader } = source;
  const start = reader.position;
  const directive = reader.text[start] === "%";
  const trimBefore = reader.text[start + 2] === "~";
  reader.moveTo(start + (trimBefore ? 3 : 2));
  return reader.nested(() =>
    reader.withNewlines(false, () => {
      const content = directive ? readDirective(source, start) : readInterpolation(source);
      const trimAfter = close(source, start);
      const place = { start, end: reader.position };
      return { ...content, ...place, trimBefore, trimAfter };
    }),
  );
}

/** Reads `}` or `~}`; returns true for the latter. */
function close({ reader }: TextSource, start: number): boolean {
  const token = reader.peek();
  if (reader.accept("}")) return false;
  if (reader.accept("~}")) return true;
  const hint =
    token.kind === "end"
      ? ""
      : ' If this belongs to another language, such as shell, write it as "$${" or "%%{".';
  throw reader.fault(
    `Expected "}" at the end of "${reader.text.slice(start, start + 2)}", found ${describeToken(token)}.${hint}`,
    { start: token.start, end: Math.max(token.end, token.start + 1) },
  );
}

function readInterpolation({ reader, parse }: TextSource): SequenceContent {
  return { kind: "interpolation", expression: parse(reader) };
}

function readDirective({ reader, parse }: TextSource, start: number): SequenceContent {
  const token = reader.take();
  if (token.kind === "identifier") {
    switch (token.text) {
      case "if":
        return { kind: "if", condition: parse(reader) };
      case "else":
      case "endif":
      case "endfor":
        return { kind: token.text };
      case "for":
        return { kind: "for", ...readForHeader(reader), collection: parse(reader) };
      default:
    }
  }
  throw reader.fault(
    `Expected "if", "else", "endif", "for" or "endfor" after "%{", found ${describeToken(token)}. ` +
      'Write "%%{" for the characters themselves.',
    { start, end: Math.max(token.end, start + 2) },
  );
}

/** Reads `value in` or `key, value in`, as in `for` expressions and directives. */
export function readForHeader(reader: Reader): { keyName: string | undefined; valueName: string } {
  const first = readName(reader);
  const second = reader.accept(",") ? readName(reader) : undefined;
  const token = reader.take();
  if (token.kind !== "identifier" || token.text !== "in") {
    throw reader.fault(
      `Expected "in" after the names of "for", found ${describeToken(token)}.`,
      token,
    );
  }
  return second === undefined
    ? { keyName: undefined, valueName: first }
    : { keyName: first, valueName: second };
}

function readName(reader: Reader): string {
  const token = reader.take();
  if (token.kind === "identifier") return token.text;
  throw reader.fault(`Expected a name after "for", found ${describeToken(token)}.`, token);
}

/**
 * Removes the indentation that all lines of a `<<-` heredoc share. Lines of white space only do not
 * count and stay as they are, as in HCL; only literal text counts, not interpolated values.
 */
function removeIndentation(parts: FlatPart[]): void {
  const starts: number[] = [];
  let shared = Infinity;
  let lineStart = true;
  for (const [index, part] of parts.entries()) {
    const text = part.kind === "text" ? part.text : undefined;
    if (lineStart) {
      const indentation = text === undefined ? 0 : text.length - text.trimStart().length;
      const blank = text !== undefined && indentation === text.length && text.endsWith("\n");
      if (!blank) {
        shared = Math.min(shared, indentation);
        if (text !== undefined) starts.push(index);
      }
    }
    lineStart = text?.endsWith("\n") ?? false;
  }
  for (const index of starts) {
    const part = parts[index];
    if (part?.kind === "text") parts[index] = { ...part, text: part.text.slice(shared) };
  }
}
