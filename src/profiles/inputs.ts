/** Replaces references to the inputs of a call in a profile. */
import type { JsonPath, Problem } from "../template/document.js";

/** Values of `--input KEY=VALUE`. */
export type Inputs = Readonly<Record<string, string>>;

/** Value with inputs filled in. */
interface Filled {
  readonly value: unknown;
  /** Inputs that were referred to. */
  readonly used: ReadonlySet<string>;
  /** References to inputs that were not given. */
  readonly problems: readonly Problem[];
}

const REFERENCE = /\$?\$\{input\.([^{}]*)\}/g;

/**
 * Replaces `${input.KEY}` in every string. Other references are left to the template; `$${` stands
 * for `${`.
 */
export function fillInputs(document: unknown, inputs: Inputs): Filled {
  const used = new Set<string>();
  const problems: Problem[] = [];
  const fillText = (text: string, path: JsonPath): string =>
    text.replace(REFERENCE, (whole, key: string) => {
      if (whole.startsWith("$$")) return whole.slice(1);
      used.add(key);
      const value = Object.hasOwn(inputs, key) ? inputs[key] : undefined;
      if (value !== undefined) return value;
      const message = `the input "${key}" is not given; add --input ${key}=VALUE`;
      problems.push({ path, message, excerpt: whole });
      return whole;
    });
  const fill = (value: unknown, path: JsonPath): unknown => {
    if (typeof value === "string") return fillText(value, path);
    if (Array.isArray(value)) return value.map((item, index) => fill(item, [...path, index]));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, fill(item, [...path, key])]),
    );
  };
  return { value: fill(document, []), used, problems };
}
