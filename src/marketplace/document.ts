/**
 * Reads an entry as the marketplace's server does. The server is written in Ruby, whose YAML is
 * version 1.1: an unquoted YES is a boolean there, and 6.10 is the number 6.1.
 */
import { isAlias, isNode, isScalar, LineCounter, parseDocument, visit } from "yaml";
import type { Document } from "yaml";
import { formatPath } from "../template/document.js";
import type { JsonPath } from "../template/document.js";
import type { Finding, Findings } from "./findings.js";

/** Returns the text that Ruby makes of a number: 7.0 stays, 6.10 becomes 6.1. */
function numberText(value: number, source: string): string {
  return Number.isInteger(value) && source.includes(".") ? `${value}.0` : String(value);
}

/** Entry with the places of its values. */
export class EntryDocument {
  /** Path for messages. */
  readonly path: string;
  readonly document: Document;
  /** Text of the file. */
  readonly source: string;
  /** Problems of the YAML itself. With errors, the value is not used. */
  readonly syntax: readonly Finding[];
  readonly #lines = new LineCounter();

  constructor(path: string, text: string) {
    this.path = path;
    this.source = text;
    this.document = parseDocument(text, {
      version: "1.1",
      lineCounter: this.#lines,
      prettyErrors: false,
    });
    const errors = this.document.errors.map(({ message, pos }): Finding => ({
      level: "error",
      path: [],
      message,
      offset: pos[0],
    }));
    this.syntax = errors.length > 0 ? errors : [...this.#aliases()];
  }

  /** The entry as plain values. Dates are those that YAML 1.1 recognizes. */
  get value(): unknown {
    return this.document.toJS() as unknown;
  }

  /**
   * Returns the text that the server makes of a scalar; undefined for lists, mappings, null and
   * missing values.
   */
  textAt(path: JsonPath): string | undefined {
    const node = this.#nodeAt(path);
    if (!isScalar(node) || node.value === null) return undefined;
    const { value } = node;
    if (typeof value === "string") return value.trim();
    if (typeof value === "number") return numberText(value, node.source ?? "");
    return typeof value === "boolean" ? String(value) : (node.source ?? "");
  }

  /** Returns the text of a number in the file when the server reads another one: 6.10, not 6.1. */
  lostDigits(path: JsonPath): string | undefined {
    const node = this.#nodeAt(path);
    if (!isScalar(node) || typeof node.value !== "number") return undefined;
    return node.source === this.textAt(path) ? undefined : node.source;
  }

  /** Formats a finding as `file:line:column: path: message`, counted from 1. */
  format({ path, message, offset }: Finding): string {
    const at = offset ?? this.#offsetOf(path);
    const { line, col } = this.#lines.linePos(at);
    const place = offset === undefined ? `${formatPath(path)}: ` : "";
    return `${this.path}:${line}:${col}: ${place}${message}`;
  }

  /** Returns the offset of the value, or of the nearest existing value around it. */
  #offsetOf(path: JsonPath): number {
    for (let length = path.length; length >= 0; length--) {
      const node = this.#nodeAt(path.slice(0, length));
      if (isNode(node) && node.range) return node.range[0];
    }
    return 0;
  }

  #nodeAt(path: JsonPath): unknown {
    return path.length === 0 ? this.document.contents : this.document.getIn(path, true);
  }

  /** Reports aliases, which the server's YAML refuses (Psych 4, `YAML.load_file`). */
  *#aliases(): Generator<Finding> {
    const offsets: number[] = [];
    visit(this.document, (_key, node) => {
      if (isAlias(node)) offsets.push(node.range?.[0] ?? 0);
    });
    const message = "is an alias of YAML, which the marketplace's server refuses: repeat the value";
    for (const offset of offsets) yield { level: "error", path: [], message, offset };
  }
}

/** Reports values that Ruby reads as dates, which the server's YAML refuses (Psych 4). */
export function checkDates(value: unknown, findings: Findings, path: JsonPath = []): void {
  if (value instanceof Date) {
    findings.error(
      path,
      "is read as a date, which the marketplace's server refuses: put it in quotes",
    );
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      checkDates(item, findings, [...path, Array.isArray(value) ? Number(key) : key]);
    }
  }
}
