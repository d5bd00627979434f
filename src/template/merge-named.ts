/**
 * Merges lists whose items have names: a name replaces an item of the parent, `before` and `after`
 * place one beside another, and `null` removes one.
 */
import { isNull, textAt } from "./placed.js";
import type { MergeProblem, Place, PlacedObject, PlacedValue } from "./placed.js";

/** Item of a list, or the removal of one. */
interface Entry {
  readonly name: string | undefined;
  /** Item without its placement; `null` removes. */
  readonly item: PlacedValue | null;
  readonly place: Place;
  /** Item beside which this one is placed. */
  readonly target?: { readonly side: Side; readonly name: string; readonly place: Place };
}

const SIDES = ["before", "after"] as const;
type Side = (typeof SIDES)[number];

/** Word for an item, and the list that problems are added to. */
interface NamedContext {
  readonly item: string;
  readonly problems: MergeProblem[];
}

/** Separates an item from its placement. */
function entryOf(name: string | undefined, item: PlacedValue, { problems }: NamedContext): Entry {
  const { place } = item;
  if (item.kind !== "object") return { name, item, place };
  const given = SIDES.filter((side) => item.entries.has(side));
  const entries = new Map(item.entries);
  for (const side of given) entries.delete(side);
  const plain: PlacedObject = { ...item, entries };
  const [side, other] = given;
  if (side === undefined) return { name, item: plain, place };
  const at = item.entries.get(side)?.place ?? place;
  const target = textAt(item, side);
  if (other !== undefined) {
    problems.push({ place: at, message: '"before" and "after" are mutually exclusive' });
  } else if (target === undefined) {
    problems.push({ place: at, message: "expected a name" });
  } else if (target === name) {
    problems.push({ place: at, message: "names the item itself" });
  } else return { name, item: plain, place, target: { side, name: target, place: at } };
  return { name, item: plain, place };
}

/** Returns the item of an object by name, with its name as an entry. */
function withName(key: string, item: PlacedValue, { problems }: NamedContext): PlacedValue {
  if (item.kind !== "object") return item;
  const own = item.entries.get("name");
  if (own !== undefined && textAt(item, "name") !== key) {
    problems.push({ place: own.place, message: `the name is already given by the key "${key}"` });
  }
  const name: PlacedValue = { kind: "plain", place: item.place, value: key };
  return { ...item, entries: new Map([["name", name], ...item.entries, ["name", name]]) };
}

/** Returns the entries of a list or of an object by name; undefined for another value. */
function entriesOf(value: PlacedValue, context: NamedContext): Entry[] | undefined {
  if (value.kind === "list") {
    return value.items.map((item) => entryOf(textAt(item, "name"), item, context));
  }
  if (value.kind !== "object") return undefined;
  return [...value.entries].map(([name, item]) =>
    isNull(item)
      ? { name, item: null, place: item.place }
      : entryOf(name, withName(name, item, context), context),
  );
}

/** List that is being merged. */
class NamedList {
  readonly #entries: Entry[];
  readonly #context: NamedContext;
  /** Names of this file. */
  readonly #own = new Set<string>();
  /** Last item that was placed after another one. */
  readonly #lastAfter = new Map<string, Entry>();

  constructor(entries: readonly Entry[], context: NamedContext) {
    this.#entries = [...entries];
    this.#context = context;
  }

  get items(): PlacedValue[] {
    return this.#entries.flatMap(({ item }) => (item === null ? [] : [item]));
  }

  #problem(place: Place, message: string): void {
    this.#context.problems.push({ place, message });
  }

  #indexOf(name: string | undefined): number {
    return name === undefined ? -1 : this.#entries.findIndex((entry) => entry.name === name);
  }

  get #names(): string {
    return this.#entries.flatMap(({ name }) => name ?? []).join(", ") || "none";
  }

  /** Replaces, removes or appends an item. One that is to be placed is taken out. */
  put(entry: Entry): void {
    const { name } = entry;
    // A name that is used twice in one file is reported by the schema.
    const isTwice = name !== undefined && this.#own.has(name);
    const index = isTwice ? -1 : this.#indexOf(name);
    if (name !== undefined) this.#own.add(name);
    if (entry.item === null) {
      if (index !== -1) this.#entries.splice(index, 1);
      else this.#removesNothing(entry);
    } else if (entry.target) {
      if (index !== -1) this.#entries.splice(index, 1);
    } else if (index === -1) this.#entries.push(entry);
    else this.#entries[index] = entry;
  }

  #removesNothing({ name = "", place }: Entry): void {
    const { item } = this.#context;
    const message = `null removes a ${item} of a parent, but no parent has a ${item} "${name}"; there is ${this.#names}`;
    this.#problem(place, message);
  }

  /** Places the items that have a place beside another one. */
  place(entries: readonly Entry[]): void {
    let waiting = entries;
    while (waiting.length > 0) {
      const left = waiting.filter((entry) => !this.#tryToPlace(entry));
      if (left.length === waiting.length) break;
      waiting = left;
    }
    const { item } = this.#context;
    for (const { target } of waiting) {
      if (!target) continue;
      const isLater = waiting.some(({ name }) => name === target.name);
      const reason = isLater
        ? `the ${item} "${target.name}" is itself placed beside this one`
        : `there is no ${item} "${target.name}"; there is ${this.#names}`;
      this.#problem(target.place, reason);
    }
  }

  #tryToPlace(entry: Entry): boolean {
    const { target } = entry;
    if (!target) return true;
    const index = this.#indexOf(target.name);
    if (index === -1) return false;
    if (target.side === "before") {
      this.#entries.splice(index, 0, entry);
      return true;
    }
    // Several items after the same one keep the order in which they are written.
    const last = this.#lastAfter.get(target.name);
    const after = last ? this.#entries.indexOf(last) : index;
    this.#entries.splice(after + 1, 0, entry);
    this.#lastAfter.set(target.name, entry);
    return true;
  }
}

/** Merges a list, or an object by name, over the parent's list. */
export function mergeNamed(
  parent: PlacedValue | undefined,
  child: PlacedValue,
  context: NamedContext,
): PlacedValue {
  const own = entriesOf(child, context);
  if (own === undefined) return child;
  const inherited = parent?.kind === "list" ? parent.items : [];
  const list = new NamedList(
    inherited.map((item) => ({ name: textAt(item, "name"), item, place: item.place })),
    context,
  );
  for (const entry of own) list.put(entry);
  list.place(own.filter(({ target }) => target !== undefined));
  return { kind: "list", place: child.place, items: list.items };
}
