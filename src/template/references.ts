/** Looks up the references that have a value as soon as a template is loaded. */
import type { Template } from "./load.js";

/** Returns a function that looks up `var.x`, `name` and `version`; other references have no value. */
export function referencesOf(
  template: Pick<Template, "name" | "version" | "values">,
): (reference: string) => string | undefined {
  return (reference) => {
    if (reference === "name" || reference === "version") return template[reference];
    const variable = /^var\.(.+)$/s.exec(reference)?.[1];
    const value = variable === undefined ? undefined : template.values.get(variable);
    return value === undefined ? undefined : String(value);
  };
}
