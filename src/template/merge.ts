/** Merges a template over its parent. */
import { BASE_KINDS } from "../base/registry.js";
import { INPUT_KINDS } from "../inputs/registry.js";
import { formatPath } from "./document.js";
import type { JsonPath } from "./document.js";
import { mergeNamed } from "./merge-named.js";
import { isNull, textAt } from "./placed.js";
import type { MergeProblem, PlacedObject, PlacedValue } from "./placed.js";

/** Lists whose items are merged by name, with the word for an item. */
const NAMED_LISTS: ReadonlyMap<string, string> = new Map([
  ["steps", "step"],
  ["acceptance/checks", "check"],
  ["acceptance/rounds", "round"],
]);

const namesOf = (kinds: readonly { readonly name: string }[]): string[] =>
  kinds.map(({ name }) => name);

type KindOf = (value: PlacedObject) => string | undefined;

/** Returns the one of several keys that an object has. */
const keyOf =
  (keys: readonly string[]): KindOf =>
  ({ entries }) =>
    keys.find((key) => entries.has(key));

/** Objects of several kinds, and what determines the kind. */
const KINDS: readonly (readonly [place: RegExp, kindOf: KindOf])[] = [
  [/^base$/, keyOf(namesOf(BASE_KINDS))],
  [/^inputs\/[^/]+$/, keyOf(namesOf(INPUT_KINDS))],
  [/^base\/install\/(?:iso|kernel|initrd)$/, keyOf(namesOf(INPUT_KINDS))],
  [/^seed$/, (value) => textAt(value, "kind")],
];

/** Returns whether an object is of another kind than the parent's, whose values it replaces. */
function isOtherKind(parent: PlacedObject, child: PlacedObject, path: JsonPath): boolean {
  const [, kindOf] = KINDS.find(([place]) => place.test(path.join("/"))) ?? [];
  const [before, now] = [kindOf?.(parent), kindOf?.(child)];
  return before !== undefined && now !== undefined && before !== now;
}

/** Merge of one template over its parent, or of the list of one that has none. */
class Merge {
  readonly problems: MergeProblem[] = [];
  readonly #hasParent: boolean;

  constructor(hasParent: boolean) {
    this.#hasParent = hasParent;
  }

  /** Returns the child's value, with what it takes over from the parent's. */
  value(parent: PlacedValue | undefined, child: PlacedValue, path: JsonPath): PlacedValue {
    const item = NAMED_LISTS.get(path.join("/"));
    if (item !== undefined) return mergeNamed(parent, child, { item, problems: this.problems });
    if (child.kind !== "object") return child;
    const before = parent?.kind === "object" ? parent : undefined;
    if (before && isOtherKind(before, child, path)) return child;
    return this.#object(before, child, path);
  }

  #object(parent: PlacedObject | undefined, child: PlacedObject, path: JsonPath): PlacedObject {
    const entries = new Map(parent?.entries);
    for (const [key, item] of child.entries) {
      const here = [...path, key];
      const before = parent?.entries.get(key);
      if (this.#hasParent && isNull(item)) {
        if (before === undefined) this.#removesNothing(item, here);
        entries.delete(key);
        continue;
      }
      entries.set(key, this.value(before, item, here));
    }
    return { kind: "object", place: child.place, entries };
  }

  #removesNothing({ place }: PlacedValue, path: JsonPath): void {
    const message = `null removes a value of a parent, but no parent has ${formatPath(path)}`;
    this.problems.push({ place, message });
  }
}

/**
 * Merges a template over its parent: objects by key, steps, checks and rounds by name; other values
 * replace those of the parent, and `null` removes them.
 * @param parent undefined for a template without one, whose placed steps are put in their places.
 */
export function mergeTemplates(
  parent: PlacedObject | undefined,
  child: PlacedObject,
): { readonly value: PlacedObject; readonly problems: readonly MergeProblem[] } {
  const merge = new Merge(parent !== undefined);
  const value = merge.value(parent, child, []);
  return { value: value.kind === "object" ? value : child, problems: merge.problems };
}
