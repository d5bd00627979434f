/** Parses a JSON document and locates its values for messages. */
import { findNodeAtLocation, getNodeValue, parseTree, printParseErrorCode } from "jsonc-parser";
import type { Node, ParseError } from "jsonc-parser";

/** Path of a value: keys and indexes from the root. */
export type JsonPath = readonly (string | number)[];

/** Problem of a value in a document. */
export interface Problem {
  readonly path: JsonPath;
  readonly message: string;
  /** Text inside the value, to which the message points. */
  readonly excerpt?: string;
  /** Origin of a value that is not from the file: `--set machine.memory`. */
  readonly source?: string;
  /** Offset in the file, where it is already known, as for syntax errors. */
  readonly offset?: number;
}

/** Returns the value at a path of a plain value; undefined where there is none. */
export function valueAt(value: unknown, path: JsonPath): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === "object" && at !== null && Object.hasOwn(at, part)
        ? (at as Record<string | number, unknown>)[part]
        : undefined,
    value,
  );
}

/** Formats a path: `steps[2].actions[0].script`. */
export function formatPath(path: JsonPath): string {
  const text = path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "");
  return text === "" ? "(the whole document)" : text;
}

/** Document that a template is loaded from. */
export interface TemplateDocument {
  /** Name for messages. */
  readonly file: string;
  /** Content as plain values. */
  readonly value: unknown;
  /** Formats a problem with its place. */
  format(problem: Problem): string;
  /** Returns the line and column of a problem's value, counted from 1. */
  positionOf(problem: Problem): { readonly line: number; readonly column: number };
}

/** Parsed document. Comments and trailing commas are accepted. */
export class JsonDocument implements TemplateDocument {
  readonly file: string;
  readonly text: string;
  readonly syntaxProblems: readonly Problem[];
  readonly #root: Node | undefined;

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    const errors: ParseError[] = [];
    this.#root = parseTree(text, errors, { allowTrailingComma: true });
    this.syntaxProblems = [
      ...errors.map((error) => ({
        path: [],
        message: `not JSON: ${printParseErrorCode(error.error)}`,
        offset: error.offset,
      })),
      ...(this.#root ? duplicateKeys(this.#root) : []),
    ];
  }

  /** Returns the document as plain values. */
  get value(): unknown {
    return this.#root ? (getNodeValue(this.#root) as unknown) : undefined;
  }

  /** Returns the source text of a value; undefined where there is none. */
  sourceOf(path: JsonPath): string | undefined {
    const node = this.#root && findNodeAtLocation(this.#root, [...path]);
    return node && this.text.slice(node.offset, node.offset + node.length);
  }

  /** Formats a problem as `file:line:column: path: message`, counted from 1. */
  format(problem: Problem): string {
    const place = formatPath(problem.path);
    const where = problem.offset === undefined ? `${place}: ` : "";
    if (problem.source) return `${problem.source}: ${where}${problem.message}`;
    const { line, column } = this.positionOf(problem);
    return `${this.file}:${line}:${column}: ${where}${problem.message}`;
  }

  /** Returns the line and column of a problem's value, counted from 1. */
  positionOf(problem: Problem): { readonly line: number; readonly column: number } {
    const offset = problem.offset ?? this.#offsetOf(problem);
    const before = this.text.slice(0, offset).split("\n");
    return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  }

  /** Returns the offset of the value, or of the nearest existing value around it. */
  #offsetOf(problem: Problem): number {
    for (let length = problem.path.length; length >= 0 && this.#root; length--) {
      const node = findNodeAtLocation(this.#root, problem.path.slice(0, length));
      if (!node) continue;
      if (length < problem.path.length) return this.#keyOffset(node);
      if (problem.excerpt === undefined) return node.offset;
      const inside = this.text.indexOf(problem.excerpt, node.offset);
      return inside === -1 || inside > node.offset + node.length ? node.offset : inside;
    }
    return 0;
  }

  /**
   * Returns where a missing key is reported: at its object's own key if there is one, else at the
   * object's beginning.
   */
  #keyOffset(node: Node): number {
    const key = node.parent?.type === "property" ? node.parent.children?.[0] : undefined;
    return (key ?? node).offset;
  }
}

/** Reports duplicate keys, which JSON allows; here one of the values would be ignored silently. */
function duplicateKeys(node: Node, path: JsonPath = []): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const [index, child] of (node.children ?? []).entries()) {
    if (node.type === "array") problems.push(...duplicateKeys(child, [...path, index]));
    const [key, value] = child.children ?? [];
    if (node.type !== "object" || !key || !value) continue;
    const name = String(key.value);
    if (seen.has(name)) {
      const message = `duplicate key "${name}"`;
      problems.push({ path: [...path, name], message, offset: key.offset });
    }
    seen.add(name);
    problems.push(...duplicateKeys(value, [...path, name]));
  }
  return problems;
}
