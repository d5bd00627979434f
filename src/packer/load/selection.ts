/** Which sources are built, and which of a build's blocks apply to a source. */
import { isList } from "../eval/values.js";
import type { PackerAttribute, PackerBlock, PackerLoadOptions } from "../model.js";
import type { Problems } from "../problems.js";
import { globTest } from "./globs.js";

/** Selection by `-only` and `-except`. */
export interface Selection {
  /** Tells if a source is built, by its id or one of its other names. */
  readonly includes: (names: readonly string[]) => boolean;
  /** Tells if `-except` names a post-processor. */
  readonly excepts: (name: string) => boolean;
}

/** Reads the globs of `-only` and `-except`. */
export function selectionOf(
  { only = [], except = [] }: PackerLoadOptions,
  problems: Problems,
): Selection {
  const read = (patterns: readonly string[], option: string): ((text: string) => boolean)[] =>
    patterns.flatMap((pattern) => {
      const test = globTest(pattern);
      if (!test) problems.add(`"${pattern}" of ${option} is not a valid pattern.`, undefined);
      return test ?? [];
    });
  const included = read(only, "--only");
  const excluded = read(except, "--except");
  return {
    includes: (names) =>
      (only.length === 0 || names.some((name) => included.some((test) => test(name)))) &&
      !names.some((name) => excluded.some((test) => test(name))),
    excepts: (name) => excluded.some((test) => test(name)),
  };
}

/** Arguments that select the sources to which a block applies. */
export const SELECTORS: readonly string[] = ["only", "except"];

/** Tells if `only` and `except` of a block let it apply to a source, by one of its names. */
export function appliesTo(
  block: Pick<PackerBlock, "attributes">,
  names: readonly string[],
): boolean {
  const only = textsOf(block.attributes.get("only"));
  const except = textsOf(block.attributes.get("except"));
  if (only.length > 0) return only.some((name) => names.includes(name));
  return !except.some((name) => names.includes(name));
}

function textsOf(attribute: PackerAttribute | undefined): string[] {
  const value = attribute?.value ?? null;
  return isList(value) ? value.map(String) : [];
}

/** Applies the values of `override` for a source, which are an object by the source's name. */
export function applyOverride(block: PackerBlock, name: string): PackerBlock {
  const override = block.attributes.get("override");
  const all = override?.value;
  const own = all instanceof Map ? (all as ReadonlyMap<string, unknown>).get(name) : undefined;
  if (!override || !(own instanceof Map)) return block;
  const attributes = new Map(block.attributes);
  for (const [key, value] of own as ReadonlyMap<string, PackerAttribute["value"]>) {
    attributes.set(key, { ...override, name: key, value, expression: undefined });
  }
  return { ...block, attributes };
}
