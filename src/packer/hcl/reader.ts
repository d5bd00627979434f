/** Reads the tokens of HCL one by one, at a position that parsers of templates also move. */
import { PackerFault } from "../problems.js";
import type { SourceFile } from "./source.js";
import type { Span } from "./syntax.js";

/** Part of an HCL file. `quote` and `heredoc` are the openings of a text. */
export interface Token {
  readonly kind:
    "identifier" | "number" | "symbol" | "newline" | "quote" | "heredoc" | "end" | "invalid";
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Deepest nesting of expressions and blocks. Deeper files are refused, so that no stack overflows. */
const MAX_DEPTH = 200;

const SPACE = /(?:[ \t]|\r(?!\n)|#[^\n]*|\/\/[^\n]*|\/\*[^]*?\*\/)+/y;
const IDENTIFIER = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SYMBOL = /\.\.\.|=>|==|!=|<=|>=|&&|\|\||::|~\}|[{}()[\].,:?=<>!+\-*/%~]/y;
const HEREDOC = /<<(-?)([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/uy;

/** Position in a file, with the token that follows it. */
export class Reader {
  readonly file: SourceFile;
  readonly text: string;
  #position: number;
  #cached: { at: number; newlines: boolean; token: Token } | undefined;
  #newlines = true;
  #depth = 0;

  /** Begins at an offset, and ends at another. */
  constructor(file: SourceFile, position = 0, end?: number) {
    this.file = file;
    this.text = end === undefined ? file.text : file.text.slice(0, end);
    this.#position = position;
  }

  /** Offset of the first character that is not read yet. */
  get position(): number {
    return this.#position;
  }

  /** Continues at an offset. */
  moveTo(position: number): void {
    this.#position = position;
  }

  /** Returns the next token without reading it. */
  peek(): Token {
    const cached = this.#cached;
    if (cached?.at === this.#position && cached.newlines === this.#newlines) return cached.token;
    const token = this.#scan();
    this.#cached = { at: this.#position, newlines: this.#newlines, token };
    return token;
  }

  /** Reads the next token. */
  take(): Token {
    const token = this.peek();
    this.#position = token.end;
    return token;
  }

  /** Reads the next token if it is this symbol; undefined otherwise. */
  accept(symbol: string): Token | undefined {
    const token = this.peek();
    return token.kind === "symbol" && token.text === symbol ? this.take() : undefined;
  }

  /** Tells if the next token is one of these symbols. */
  at(...symbols: string[]): boolean {
    const token = this.peek();
    return token.kind === "symbol" && symbols.includes(token.text);
  }

  /** Tells if the next token is this word. */
  atWord(word: string): boolean {
    const token = this.peek();
    return token.kind === "identifier" && token.text === word;
  }

  /** Reads newlines. */
  skipNewlines(): void {
    while (this.peek().kind === "newline") this.take();
  }

  /** Runs a parser with newlines as white space, or as tokens of their own. */
  withNewlines<Result>(newlines: boolean, parse: () => Result): Result {
    const before = this.#newlines;
    this.#newlines = newlines;
    try {
      return parse();
    } finally {
      this.#newlines = before;
    }
  }

  /** Runs a parser one level deeper, and refuses what is nested too deeply. */
  nested<Result>(parse: () => Result): Result {
    if (this.#depth >= MAX_DEPTH) {
      const { start, end } = this.peek();
      throw this.fault(`This is nested too deeply: at most ${MAX_DEPTH} levels are read.`, {
        start,
        end,
      });
    }
    this.#depth += 1;
    try {
      return parse();
    } finally {
      this.#depth -= 1;
    }
  }

  /** Returns the part of the file from one offset to another. */
  span(start: number, end: number = this.#position): Span {
    return { file: this.file, start, end };
  }

  /** Returns a fault at a part of the file, or at a token. */
  fault(message: string, { start, end }: { start: number; end: number }): PackerFault {
    return new PackerFault(message, this.span(start, end));
  }

  #match(pattern: RegExp, at: number): string | undefined {
    pattern.lastIndex = at;
    return pattern.exec(this.text)?.[0];
  }

  #skipSpace(): number {
    let at = this.#position;
    for (;;) {
      at += this.#match(SPACE, at)?.length ?? 0;
      if (this.#newlines) return at;
      if (this.text[at] === "\n") at += 1;
      else if (this.text.startsWith("\r\n", at)) at += 2;
      else return at;
    }
  }

  #scan(): Token {
    const start = this.#skipSpace();
    const make = (kind: Token["kind"], length: number): Token => {
      return { kind, text: this.text.slice(start, start + length), start, end: start + length };
    };
    if (start >= this.text.length) return make("end", 0);
    const character = this.text[start] ?? "";
    if (character === "\n") return make("newline", 1);
    if (character === "\r") return make("newline", 2);
    if (character === '"') return make("quote", 1);
    if (character === "<") {
      const heredoc = this.#match(HEREDOC, start);
      if (heredoc !== undefined) return make("heredoc", heredoc.length);
    }
    const identifier = this.#match(IDENTIFIER, start);
    if (identifier !== undefined) return make("identifier", identifier.length);
    const number = this.#match(NUMBER, start);
    if (number !== undefined) return make("number", number.length);
    const symbol = this.#match(SYMBOL, start);
    if (symbol !== undefined) return make("symbol", symbol.length);
    return make("invalid", String.fromCodePoint(this.text.codePointAt(start) ?? 0).length);
  }
}

/** Describes a token for a message. */
export function describeToken(token: Token): string {
  if (token.kind === "end") return "the end of the file";
  if (token.kind === "newline") return "the end of the line";
  if (token.kind === "quote") return "a quoted text";
  if (token.kind === "heredoc") return "a heredoc";
  return `"${token.text}"`;
}
