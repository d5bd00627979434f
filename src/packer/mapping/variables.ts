/** Declares the variables that a converted template refers to. */
import type { PackerVariable } from "../model.js";
import type { ImageContext } from "./context.js";
import type { Draft } from "./json.js";
import type { Keeper } from "./keep.js";
import { plainOf } from "./plain.js";
import type { PlainObject } from "./plain.js";

function declarationOf(variable: PackerVariable): PlainObject {
  const value = plainOf(variable.value);
  const type = typeof value;
  const description = variable.description ?? "";
  return {
    ...(["string", "number", "boolean"].includes(type) && { type }),
    ...(description !== "" && { description }),
    ...(variable.sensitive && { sensitive: true }),
    default: value,
  };
}

/** Returns all texts of a value that may contain references. */
function referencesIn(text: string): Set<string> {
  const found = [...text.matchAll(/(\$?)\$\{var\.([A-Za-z_]\w*)\}/g)];
  return new Set(found.filter(([, escape]) => escape === "").map(([, , name]) => name ?? ""));
}

/** Declares the variables. Their values in this run are their defaults. */
export function declareVariables({
  draft,
  keeper,
}: { draft: Draft; keeper: Keeper } & Partial<ImageContext>): void {
  const named = referencesIn(JSON.stringify(draft.template));
  for (const variable of keeper.used) {
    if (!named.has(variable.name)) continue;
    const origin = { what: `variable ${variable.name}`, place: variable.place };
    draft.set(["variables", variable.name], declarationOf(variable), origin);
  }
  for (const [name, value] of keeper.hidden) {
    if (!named.has(name)) continue;
    draft.set(["variables", name], { type: "string", sensitive: true, default: value });
  }
}
