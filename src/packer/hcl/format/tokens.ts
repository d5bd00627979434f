/** Splits HCL text into tokens for the formatter, which changes nothing but the spaces between them. */
import { SYMBOLS } from "./token.js";
import type { Token, TokenKind } from "./token.js";

const SPACES = /[ \t]*/y;
const NEWLINE = /\r?\n/y;
const LINE_COMMENT = /(?:#|\/\/)[^\n]*(?:\n|$)/y;
const BLOCK_COMMENT = /\/\*[\s\S]*?\*\//y;
const IDENTIFIER = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const HEREDOC = /<<-?([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/uy;
const TEMPLATE_OPEN = /[$%]\{~?/y;
const TEMPLATE_CLOSE = /~?\}/y;
/** Text of a quoted template up to the next sequence or the end. */
const QUOTED_TEXT = /(?:\\[\s\S]|\$\$\{|%%\{|[$%](?!\{)|[^"\\$%])+/y;
/** Text of a line of a heredoc up to the next sequence or the end of the line. */
const HEREDOC_TEXT = /(?:\$\$\{|%%\{|[$%](?!\{)|[^$%\n])*\n?/y;

/** Splits a text into tokens. The text has no errors of syntax. */
export class Tokenizer {
  readonly #text: string;
  #at = 0;
  readonly #tokens: Token[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** Returns the tokens, and the number of spaces and tabs after the last one. */
  read(): { tokens: readonly Token[]; end: number } {
    const end = this.#readExpression(false);
    return { tokens: this.#tokens, end };
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) return undefined;
    this.#at += match[0].length;
    return match;
  }

  #push(kind: TokenKind, text: string, spaces: number): void {
    this.#tokens.push({ kind, text, spaces });
  }

  /**
   * Reads tokens to the end of the text, or to the brace that closes a template sequence. Returns the
   * number of spaces at the end of the text.
   */
  #readExpression(inTemplate: boolean): number {
    let depth = 0;
    for (;;) {
      const [gap = ""] = this.#match(SPACES) ?? [];
      if (this.#at >= this.#text.length) return gap.length;
      const close = inTemplate && depth === 0 ? this.#match(TEMPLATE_CLOSE) : undefined;
      if (close) {
        this.#push("closeTemplate", close[0], gap.length);
        return 0;
      }
      if (this.#readWord(gap.length) || this.#readTemplate(gap.length)) continue;
      const symbol = SYMBOLS.find(([text]) => this.#text.startsWith(text, this.#at));
      if (!symbol) {
        const character = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
        this.#at += character.length;
        this.#push("other", character, gap.length);
        continue;
      }
      const [text, kind] = symbol;
      this.#at += text.length;
      if (kind === "openBrace") depth += 1;
      if (kind === "closeBrace") depth -= 1;
      this.#push(kind, text, gap.length);
    }
  }

  #readWord(spaces: number): boolean {
    const kinds = [
      [NEWLINE, "newline"],
      [LINE_COMMENT, "comment"],
      [BLOCK_COMMENT, "comment"],
      [IDENTIFIER, "identifier"],
      [NUMBER, "number"],
    ] as const;
    for (const [pattern, kind] of kinds) {
      const match = this.#match(pattern);
      if (!match) continue;
      this.#push(kind, match[0], spaces);
      return true;
    }
    return false;
  }

  #readTemplate(spaces: number): boolean {
    const heredoc = this.#match(HEREDOC);
    if (heredoc) {
      this.#push("openHeredoc", heredoc[0], spaces);
      this.#readHeredoc(heredoc[1] ?? "");
      return true;
    }
    if (this.#text[this.#at] !== '"') return false;
    this.#at += 1;
    this.#push("openQuote", '"', spaces);
    this.#readQuoted();
    return true;
  }

  #readSequence(): boolean {
    const open = this.#match(TEMPLATE_OPEN);
    if (!open) return false;
    this.#push("openTemplate", open[0], 0);
    this.#readExpression(true);
    return true;
  }

  #readQuoted(): void {
    while (this.#at < this.#text.length) {
      if (this.#text[this.#at] === '"') {
        this.#at += 1;
        return this.#push("closeQuote", '"', 0);
      }
      if (this.#readSequence()) continue;
      const [text = ""] = this.#match(QUOTED_TEXT) ?? [];
      if (text === "") return;
      this.#push("literal", text, 0);
    }
  }

  #readHeredoc(marker: string): void {
    let isLineStart = true;
    while (this.#at < this.#text.length) {
      if (isLineStart) {
        const [line = ""] = /^[^\n]*/.exec(this.#text.slice(this.#at)) ?? [];
        if (line.trim() === marker) {
          const text = line.replace(/\r$/, "");
          this.#at += text.length;
          return this.#push("closeHeredoc", text, 0);
        }
      }
      if (this.#readSequence()) {
        isLineStart = false;
        continue;
      }
      const [text = ""] = this.#match(HEREDOC_TEXT) ?? [];
      if (text === "") return;
      this.#push("literal", text, 0);
      isLineStart = text.endsWith("\n");
    }
  }
}
