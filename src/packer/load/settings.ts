/** Reads `packer { … }` blocks. */
import { nameText } from "../eval/convert.js";
import { evaluate } from "../eval/evaluate.js";
import type { Scope } from "../eval/scope.js";
import { isMap } from "../eval/values.js";
import { placeOf } from "../hcl/source.js";
import type { Block, Body } from "../hcl/syntax.js";
import type { PackerSettings, RequiredPlugin, Value } from "../model.js";
import type { LoadState } from "./state.js";

/** Reads the settings of all files. */
export function readSettings(
  state: LoadState,
  bodies: readonly Body[],
  scope: Scope,
): PackerSettings {
  let requiredVersion: string | undefined;
  const requiredPlugins: RequiredPlugin[] = [];
  for (const block of bodies.flatMap(({ items }) => items)) {
    if (block.kind === "attribute" || block.type.name !== "packer") continue;
    for (const item of block.body.items) {
      if (item.kind === "block" && item.type.name === "required_plugins") {
        requiredPlugins.push(...readPlugins(state, item, scope));
      } else if (item.kind === "attribute" && item.name.name === "required_version") {
        const value = state.problems.attempt(() => evaluate(item.value, scope));
        if (value !== undefined) requiredVersion = nameText(value);
      } else {
        const name = item.kind === "block" ? item.type : item.name;
        state.problems.add(`A "packer" block has no "${name.name}".`, name.span);
      }
    }
  }
  return { requiredVersion, requiredPlugins };
}

function readPlugins(state: LoadState, block: Block, scope: Scope): RequiredPlugin[] {
  return block.body.items.flatMap((item): RequiredPlugin[] => {
    if (item.kind === "block") {
      state.problems.add("A required plugin is written as name = { … }.", item.header);
      return [];
    }
    const value = state.problems.attempt(() => evaluate(item.value, scope)) ?? null;
    const place = placeOf(item.name.span);
    // The short form is the version.
    if (!isMap(value)) return [plugin(item.name.name, { source: null, version: value }, place)];
    const source = value.get("source") ?? null;
    return [plugin(item.name.name, { source, version: value.get("version") ?? null }, place)];
  });
}

function plugin(
  name: string,
  { source, version }: { source: Value; version: Value },
  place: RequiredPlugin["place"],
): RequiredPlugin {
  return {
    name,
    source: typeof source === "string" ? source : undefined,
    version: typeof version === "string" ? version : undefined,
    place,
  };
}
