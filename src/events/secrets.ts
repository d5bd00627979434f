/** Masks secrets in events, in every form of `secret-forms.ts`. */
import { ERRORS } from "../errors.js";
import { formsOfSecret } from "./secret-forms.js";

const MASK = "***";
/** Fields whose values belong to the event format; a secret such as "run" must not change them. */
const PROTOCOL_FIELDS = new Set(["type", "phase", "unit", "stream", "method"]);

/** Secrets of one run. Values can be added at any time; empty ones are ignored. */
export class Secrets {
  readonly #forms = new FormIndex();

  /** Registers a value that is masked from now on. */
  add(value: string): void {
    if (value.trim() === "") return;
    for (const form of formsOfSecret(value)) this.#forms.add(form);
  }

  /** Replaces each form of each secret with `***`. */
  mask(text: string): string {
    if (this.#forms.empty) return text;
    const spans = this.#forms.spansIn(text);
    return spans.length === 0 ? text : coverSpans(text, spans);
  }

  /**
   * Returns a copy of a JSON-like value in which every string is masked, including the keys of
   * nested objects.
   */
  maskAll<T>(value: T): T {
    if (this.#forms.empty) return value;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return this.#maskValue(value) as T;
    }
    const fields: [string, unknown][] = Object.entries(value);
    const masked = fields.map(([key, item]) => [
      key,
      PROTOCOL_FIELDS.has(key) ? item : this.#maskValue(item),
    ]);
    return Object.fromEntries(masked) as T;
  }

  #maskValue(value: unknown): unknown {
    if (typeof value === "string") return this.mask(value);
    if (Array.isArray(value)) return value.map((item) => this.#maskValue(item));
    if (typeof value !== "object" || value === null) return value;
    const fields: [string, unknown][] = Object.entries(value);
    return Object.fromEntries(
      fields.map(([key, item]) =>
        key === "code" && isErrorCode(item) ? [key, item] : [this.mask(key), this.#maskValue(item)],
      ),
    );
  }
}

function isErrorCode(value: unknown): boolean {
  return typeof value === "string" && Object.hasOwn(ERRORS, value);
}

/**
 * Replaces spans with masks. Overlapping spans get one mask, so that no part of either is visible.
 */
function coverSpans(text: string, spans: readonly [number, number][]): string {
  let masked = "";
  let end = 0;
  let covered = -1;
  for (const [from, to] of spans) {
    if (from > covered) masked += text.slice(end, from) + MASK;
    covered = Math.max(covered, to);
    end = covered;
  }
  return masked + text.slice(end);
}

/**
 * Finds any of many texts in one pass by a hash of their first three characters. A private key has
 * hundreds of forms, and a step may print millions of lines: a search per form would take longer
 * than the step.
 */
class FormIndex {
  readonly #known = new Set<string>();
  /** Marks the hashes with which a form begins. */
  readonly #begins = new Uint8Array(HASHES);
  readonly #byBeginning = new Map<number, string[]>();
  /** Forms of one or two characters. */
  readonly #short: string[] = [];

  get empty(): boolean {
    return this.#known.size === 0;
  }

  add(form: string): void {
    if (this.#known.has(form)) return;
    this.#known.add(form);
    if (form.length < 3) {
      this.#short.push(form);
      return;
    }
    const hash = hashOf(form.charCodeAt(0), form.charCodeAt(1), form.charCodeAt(2));
    this.#begins[hash] = 1;
    this.#byBeginning.set(hash, [...(this.#byBeginning.get(hash) ?? []), form]);
  }

  /**
   * Returns the positions of forms in the text: [from, to) by ascending start, including
   * overlapping ones.
   */
  spansIn(text: string): [number, number][] {
    const spans: [number, number][] = [];
    for (const form of this.#short) {
      for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
        spans.push([at, at + form.length]);
      }
    }
    let second = text.charCodeAt(0);
    let third = text.charCodeAt(1);
    for (let at = 0; at + 2 < text.length; at++) {
      const first = second;
      second = third;
      third = text.charCodeAt(at + 2);
      const hash = hashOf(first, second, third);
      if (this.#begins[hash] === 0) continue;
      for (const form of this.#byBeginning.get(hash) ?? []) {
        if (text.startsWith(form, at)) spans.push([at, at + form.length]);
      }
    }
    return this.#short.length === 0 ? spans : spans.toSorted((a, b) => a[0] - b[0]);
  }
}

const HASHES = 2 ** 16;

function hashOf(first: number, second: number, third: number): number {
  return (first * 961 + second * 31 + third) % HASHES;
}
