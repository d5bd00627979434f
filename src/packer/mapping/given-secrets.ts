/** Keeps secrets that a user gave for one call out of the files that the call writes. */
import type { PackerTemplate } from "../model.js";
import type { Conversion } from "./convert.js";
import { isPlainObject } from "./plain.js";
import type { PlainObject } from "./plain.js";

/**
 * Returns a conversion whose sensitive variables have no default where the value came from the
 * command line, a file or the environment.
 */
export function withoutGivenSecrets(conversion: Conversion, template: PackerTemplate): Conversion {
  const given = template.variables.filter(
    ({ sensitive, origin }) => sensitive && origin.kind !== "default",
  );
  const { variables } = conversion.template;
  if (given.length === 0 || !isPlainObject(variables)) return conversion;
  const names = new Set(given.map(({ name }) => name));
  const open = Object.entries(variables).map(([name, declaration]): [string, PlainObject] => {
    if (!isPlainObject(declaration)) return [name, {}];
    // A secret that is computed may contain one that was given.
    const isGiven = names.has(name) || name.startsWith("secret_");
    const { default: value, ...rest } = declaration;
    return [name, isGiven || value === undefined ? rest : declaration];
  });
  return {
    ...conversion,
    template: { ...conversion.template, variables: Object.fromEntries(open) },
  };
}
