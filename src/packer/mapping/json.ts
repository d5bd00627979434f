/** Building blocks of the templates that are made from Packer's. */
import type { Place } from "../model.js";
import type { JsonPath } from "../../template/document.js";
import type { Plain, PlainObject } from "./plain.js";

/** What a part of a template came from. */
export interface Origin {
  /** Name of the option or the block. */
  readonly what: string;
  readonly place: Place;
}

/** Sections of a template in the order in which they are written. */
const SECTIONS = [
  ...["$schema", "name", "version", "description", "variables", "inputs", "base", "machine"],
  ...["ssh", "seed", "steps", "checkpoints", "seal", "shutdown", "output", "post", "after"],
];

/** Template that is being made, with the origin of its parts. */
export class Draft {
  readonly #root: PlainObject = {};
  readonly #origins = new Map<string, Origin>();

  /** Sets a value, and creates the objects on the way to it. */
  set(path: readonly string[], value: Plain, origin?: Origin): void {
    let at = this.#root;
    for (const key of path.slice(0, -1)) {
      const next = at[key];
      const inner = typeof next === "object" && next !== null && !Array.isArray(next) ? next : {};
      at[key] = inner;
      at = inner;
    }
    const last = path.at(-1);
    if (last !== undefined) at[last] = value;
    if (origin) this.from(path, origin);
  }

  /** Appends a value to a list. */
  add(path: readonly string[], value: Plain, origin?: Origin): void {
    const existing = this.get(path);
    const list = Array.isArray(existing) ? existing : [];
    this.set(path, [...list, value]);
    if (origin) this.from([...path, list.length], origin);
  }

  /** Records the origin of a part. */
  from(path: JsonPath, origin: Origin): void {
    this.#origins.set(JSON.stringify(path), origin);
  }

  get(path: readonly string[]): Plain | undefined {
    return path.reduce<Plain | undefined>(
      (at, key) =>
        typeof at === "object" && at !== null && !Array.isArray(at) ? at[key] : undefined,
      this.#root,
    );
  }

  /** Returns the template with its sections in order. */
  get template(): PlainObject {
    const rank = (key: string): number => SECTIONS.indexOf(key) + 1 || SECTIONS.length + 1;
    return Object.fromEntries(
      Object.entries(this.#root).toSorted(([one], [other]) => rank(one) - rank(other)),
    );
  }

  /** Returns the origin of exactly this part. */
  originOf(path: JsonPath): Origin | undefined {
    return this.#origins.get(JSON.stringify(path));
  }

  /** Returns the origin of a part, or of the nearest part around it. */
  nearestOrigin(path: JsonPath): Origin | undefined {
    for (let length = path.length; length >= 0; length--) {
      const origin = this.originOf(path.slice(0, length));
      if (origin) return origin;
    }
    return undefined;
  }
}
