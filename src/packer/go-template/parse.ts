/** Parses Go templates: texts, actions, `if`, `with` and `range`. */
import { GoTemplateError } from "./syntax.js";
import type { GoNode, Operand, Pipeline } from "./syntax.js";
import { splitWords } from "./words.js";
import type { Word } from "./words.js";

/** Deepest nesting of blocks and parentheses. */
const MAX_DEPTH = 100;

/** Action, or the text before it. */
type Piece =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "action";
      readonly action: string;
      readonly start: number;
      readonly end: number;
    };

/** Inside of an action: texts in quotes can contain its end. */
const ACTION =
  /\{\{(- )?\s*((?:"(?:[^"\\\n]|\\.)*"|`[^`]*`|\/\*[^]*?\*\/|(?!\}\}|"|`)[^])*?)(?:\s-)?\}\}/uy;

/** Splits a text into actions and the texts between them, trimmed where an action says so. */
function splitPieces(text: string): Piece[] {
  const pieces: Piece[] = [];
  let trimNext = false;
  let position = 0;
  const addText = (end: number, trimEnd: boolean): void => {
    let part = text.slice(position, end);
    if (trimNext) part = part.trimStart();
    if (trimEnd) part = part.trimEnd();
    if (part !== "") pieces.push({ kind: "text", text: part });
  };
  for (;;) {
    const start = text.indexOf("{{", position);
    if (start === -1) break;
    ACTION.lastIndex = start;
    const match = ACTION.exec(text);
    if (!match) {
      const line = text.slice(start, start + 60).split("\n")[0] ?? "";
      throw new GoTemplateError(`The Go template action "${line}" is not closed by "}}".`);
    }
    const [whole, trimBefore, action = ""] = match;
    addText(start, trimBefore !== undefined);
    const end = start + whole.length;
    pieces.push({ kind: "action", action, start, end });
    trimNext = /\s-\}\}$/.test(whole);
    position = end;
  }
  addText(text.length, false);
  return pieces;
}

/** Parses a template. Throws a GoTemplateError. */
export function parseGoTemplate(text: string): GoNode[] {
  const parser = new NodeParser(text);
  const { nodes, end } = parser.nodes(0);
  if (end)
    throw new GoTemplateError(
      `"{{${end.action}}}" belongs to no "{{if}}", "{{with}}" or "{{range}}".`,
    );
  return nodes;
}

type ActionPiece = Extract<Piece, { kind: "action" }>;

class NodeParser {
  readonly #text: string;
  readonly #pieces: readonly Piece[];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#pieces = splitPieces(text);
  }

  /** Reads nodes up to `else` or `end`, which is returned. */
  nodes(depth: number): { nodes: GoNode[]; end: ActionPiece | undefined } {
    if (depth > MAX_DEPTH) throw new GoTemplateError("The Go template is nested too deeply.");
    const nodes: GoNode[] = [];
    for (;;) {
      const piece = this.#pieces[this.#next];
      if (!piece) return { nodes, end: undefined };
      this.#next += 1;
      if (piece.kind === "text") {
        nodes.push(piece);
        continue;
      }
      const action = piece.action.trim();
      if (action === "end" || /^else\b/.test(action)) return { nodes, end: { ...piece, action } };
      if (/^\/\*[^]*\*\/$/.test(action)) continue;
      nodes.push(this.#node({ ...piece, action }, depth));
    }
  }

  #node(piece: ActionPiece, depth: number): GoNode {
    const [, keyword, rest = ""] = /^(if|with|range)\b([^]*)$/.exec(piece.action) ?? [];
    if (keyword === "if" || keyword === "with" || keyword === "range") {
      return this.#block(keyword, { ...piece, action: rest }, depth);
    }
    const unsupported = /^(define|template|block|break|continue)\b/.exec(piece.action)?.[1];
    if (unsupported !== undefined) {
      throw new GoTemplateError(`"{{${unsupported}}}" of Go templates is not supported.`);
    }
    const source = this.#text.slice(piece.start, piece.end);
    return { kind: "action", pipeline: parsePipeline(piece.action), source };
  }

  #block(kind: "if" | "with" | "range", open: ActionPiece, depth: number): GoNode {
    const pipeline = parsePipeline(open.action);
    const { nodes: body, end } = this.nodes(depth + 1);
    let otherwise: GoNode[] = [];
    let last = end;
    const branch = /^else\s+(if|with)\b([^]*)$/.exec(end?.action ?? "");
    if (end && branch) {
      const [, next, rest = ""] = branch;
      const piece = { ...end, action: rest };
      const inner = this.#block(next === "with" ? "with" : "if", piece, depth + 1);
      // The "end" of the inner block closes this one, too.
      return { kind, pipeline, body, otherwise: [inner], source: this.#sourceFrom(open) };
    }
    if (end?.action === "else") ({ nodes: otherwise, end: last } = this.nodes(depth + 1));
    if (last?.action !== "end") {
      throw new GoTemplateError(`"{{${kind}${open.action}}}" is not closed by "{{end}}".`);
    }
    return { kind, pipeline, body, otherwise, source: this.#sourceFrom(open) };
  }

  /** Text from an action to the last one that was read. */
  #sourceFrom({ start }: ActionPiece): string {
    const last = this.#pieces[this.#next - 1];
    return this.#text.slice(start, last?.kind === "action" ? last.end : undefined);
  }
}

/** Parses what is between `{{` and `}}`. Throws a GoTemplateError. */
function parsePipeline(action: string): Pipeline {
  const parser = new WordParser(action, splitWords(action));
  const pipeline = parser.pipeline(0);
  parser.expectEnd();
  return pipeline;
}

class WordParser {
  readonly #action: string;
  readonly #words: readonly Word[];
  #next = 0;

  constructor(action: string, words: readonly Word[]) {
    this.#action = action.trim();
    this.#words = words;
  }

  pipeline(depth: number): Pipeline {
    if (depth > MAX_DEPTH) throw this.#fault("is nested too deeply");
    const { variables, assigns } = this.#declaration();
    const commands = [this.#command(depth)];
    while (this.#acceptSymbol("|")) commands.push(this.#command(depth));
    if (commands.some((command) => command.length === 0)) throw this.#fault("has an empty command");
    return { variables, assigns, commands };
  }

  expectEnd(): void {
    this.#skipSpace();
    if (this.#next < this.#words.length) throw this.#fault("has too much at its end");
  }

  /** Reads `$x :=`, `$i, $x :=` or `$x =`, if it is there. */
  #declaration(): { variables: string[]; assigns: boolean } {
    const start = this.#next;
    const variables: string[] = [];
    for (;;) {
      this.#skipSpace();
      const word = this.#words[this.#next];
      if (word?.kind !== "variable") break;
      variables.push(word.value.slice(1));
      this.#next += 1;
      if (this.#acceptSymbol(",")) continue;
      if (this.#acceptSymbol(":=")) return { variables, assigns: false };
      if (this.#acceptSymbol("=")) return { variables, assigns: true };
      break;
    }
    this.#next = start;
    return { variables: [], assigns: false };
  }

  #command(depth: number): Operand[] {
    const operands: Operand[] = [];
    for (;;) {
      this.#skipSpace();
      const operand = this.#operand(depth);
      if (!operand) return operands;
      operands.push(operand);
    }
  }

  #operand(depth: number): Operand | undefined {
    const word = this.#words[this.#next];
    if (!word) return undefined;
    switch (word.kind) {
      case "text":
      case "number":
        this.#next += 1;
        return { kind: "literal", value: word.value };
      case "name":
        this.#next += 1;
        return nameOperand(word.value);
      case "field":
        this.#next += 1;
        return { kind: "field", names: word.value.slice(1).split(".") };
      case "variable":
        this.#next += 1;
        return { kind: "variable", name: word.value.slice(1), names: this.#fields() };
      case "symbol":
        return this.#symbolOperand(word.value, depth);
      default:
        return undefined;
    }
  }

  #symbolOperand(symbol: string, depth: number): Operand | undefined {
    if (symbol === ".") {
      this.#next += 1;
      return { kind: "field", names: [] };
    }
    if (symbol !== "(") return undefined;
    this.#next += 1;
    const pipeline = this.pipeline(depth + 1);
    if (!this.#acceptSymbol(")")) throw this.#fault('has no ")" for its "("');
    return { kind: "pipeline", pipeline, names: this.#fields() };
  }

  /** Reads fields that follow without a space. */
  #fields(): string[] {
    const word = this.#words[this.#next];
    if (word?.kind !== "field") return [];
    this.#next += 1;
    return word.value.slice(1).split(".");
  }

  #acceptSymbol(symbol: string): boolean {
    const start = this.#next;
    this.#skipSpace();
    const word = this.#words[this.#next];
    if (word?.kind === "symbol" && word.value === symbol) {
      this.#next += 1;
      return true;
    }
    this.#next = start;
    return false;
  }

  #skipSpace(): void {
    while (this.#words[this.#next]?.kind === "space") this.#next += 1;
  }

  #fault(reason: string): GoTemplateError {
    return new GoTemplateError(`The Go template action "{{${this.#action}}}" ${reason}.`);
  }
}

function nameOperand(name: string): Operand {
  if (name === "true" || name === "false") return { kind: "literal", value: name === "true" };
  return name === "nil" ? { kind: "literal", value: null } : { kind: "function", name };
}
