/** Collects what is wrong with a marketplace entry. */
import type { JsonPath } from "../template/document.js";

/** Problem of a value. An error breaks the appliance in OpenNebula; a warning does not. */
export interface Finding {
  readonly level: "error" | "warning";
  readonly path: JsonPath;
  readonly message: string;
  /** Offset in the file, where it is already known, as for syntax errors. */
  readonly offset?: number;
}

/** List of findings, and the two ways to add one. */
export class Findings {
  readonly all: Finding[] = [];

  /** Adds a problem that breaks the appliance in OpenNebula. */
  error(path: JsonPath, message: string): void {
    this.all.push({ level: "error", path, message });
  }

  /** Adds a problem that OpenNebula accepts. */
  warn(path: JsonPath, message: string): void {
    this.all.push({ level: "warning", path, message });
  }
}

/** Returns whether a value is a mapping with text keys. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}

/** Returns the name of a value's type in YAML, with its article. */
export function typeOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  return typeof value === "object" ? "a mapping" : `a ${typeof value}`;
}
