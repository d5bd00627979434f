/**
 * Formats HCL as hclfmt and `packer fmt` do (hclwrite.Format): indents by brackets, puts single
 * spaces between tokens, and aligns `=` and comments of neighboring lines. Nothing but spaces
 * changes.
 */
import { bracketChange, hasSpaceAfter } from "./spaces.js";
import type { Token } from "./token.js";
import { Tokenizer } from "./tokens.js";

/** Line of a file; a heredoc belongs to the line on which it begins. */
interface Line {
  lead: readonly Token[];
  /** From the `=` of an argument on; empty if there is none, or if its value has several lines. */
  assign: readonly Token[];
  /** Comment after other tokens; empty or one token. */
  comment: readonly Token[];
}

const INDENT = 2;

function endsLine({ kind, text }: Token): boolean {
  return kind === "newline" || (kind === "comment" && text.endsWith("\n"));
}

function sumBrackets(tokens: readonly Token[]): number {
  return tokens.reduce((sum, token) => sum + bracketChange(token), 0);
}

function splitLine(tokens: readonly Token[]): Line {
  const last = tokens.at(-1);
  const hasComment = tokens.length > 1 && last?.kind === "comment";
  const comment = hasComment ? tokens.slice(-1) : [];
  const rest = hasComment ? tokens.slice(0, -1) : tokens;
  const equal = rest.findIndex(({ kind }, index) => index > 0 && kind === "equal");
  const isAssign = equal !== -1 && sumBrackets(rest.slice(equal)) === 0;
  return {
    lead: isAssign ? rest.slice(0, equal) : rest,
    assign: isAssign ? rest.slice(equal) : [],
    comment,
  };
}

function splitLines(tokens: readonly Token[]): Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (const [index, token] of tokens.entries()) {
    if (!endsLine(token)) continue;
    lines.push(splitLine(tokens.slice(start, index + 1)));
    start = index + 1;
  }
  if (start < tokens.length) lines.push(splitLine(tokens.slice(start)));
  return lines;
}

/** Brackets of a line: those of a heredoc's text do not count. */
function bracketsOf({ lead, assign }: Line): number {
  const heredoc = lead.findIndex(({ kind }) => kind === "openHeredoc");
  return sumBrackets(heredoc === -1 ? lead : lead.slice(0, heredoc + 1)) + sumBrackets(assign);
}

/** Closes brackets: each level of indentation knows how many were opened on its line. */
function closeBrackets(levels: number[], count: number): void {
  let closed = count;
  while (closed > 0) {
    const open = levels.pop();
    if (open === undefined) return;
    if (open > closed) levels.push(open - closed);
    closed -= Math.min(open, closed);
  }
}

function indentLines(lines: readonly Line[]): void {
  const levels: number[] = [];
  for (const line of lines) {
    const [first] = line.lead;
    if (!first) continue;
    if (first.kind === "newline") {
      first.spaces = 0;
      continue;
    }
    const brackets = bracketsOf(line);
    if (brackets < 0) closeBrackets(levels, -brackets);
    first.spaces = INDENT * levels.length;
    if (brackets > 0) levels.push(brackets);
  }
}

function spaceTokens(tokens: readonly Token[]): void {
  for (const [index, token] of tokens.entries()) {
    const after = tokens[index + 1];
    if (after) after.spaces = Number(hasSpaceAfter(token, tokens[index - 1], after));
  }
}

const segmenter = new Intl.Segmenter();

function columnsOf(tokens: readonly Token[]): number {
  return tokens.reduce(
    (sum, { spaces, text }) => sum + spaces + [...segmenter.segment(text)].length,
    0,
  );
}

/** Aligns a part of neighboring lines below each other. */
function alignCells(
  lines: readonly Line[],
  cellOf: (line: Line) => readonly Token[],
  beforeOf: (line: Line) => readonly Token[],
): void {
  let chain: { token: Token; columns: number }[] = [];
  const close = (): void => {
    const widest = Math.max(0, ...chain.map(({ columns }) => columns));
    for (const { token, columns } of chain) token.spaces = widest - columns + 1;
    chain = [];
  };
  for (const line of lines) {
    const [token] = cellOf(line);
    if (token) chain.push({ token, columns: columnsOf(beforeOf(line)) });
    else close();
  }
  close();
}

/** Formats a text, which has no errors of syntax. */
export function formatHcl(text: string): string {
  const { tokens, end } = new Tokenizer(text).read();
  const lines = splitLines(tokens);
  indentLines(lines);
  for (const { lead, assign } of lines) {
    spaceTokens(lead);
    spaceTokens(assign);
  }
  alignCells(
    lines,
    ({ assign }) => assign,
    ({ lead }) => lead,
  );
  alignCells(
    lines,
    ({ comment }) => comment,
    ({ lead, assign }) => [...lead, ...assign],
  );
  return tokens.map((token) => " ".repeat(token.spaces) + token.text).join("") + " ".repeat(end);
}
