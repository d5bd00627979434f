/** Warns about secrets that a template contains. */
import type { JsonPath } from "../template/document.js";
import { isFromSensitiveVariable } from "../template/sensitive.js";
import type { Collector } from "./findings.js";

/**
 * Warns unless a secret is the value of a sensitive variable.
 * @param secret its text, and its name in the message: `the password`.
 */
export function checkSecret(
  collector: Collector,
  path: JsonPath,
  { text, name }: { readonly text: string; readonly name: string },
): void {
  if (text === "" || isFromSensitiveVariable(collector.template, text)) return;
  const message = `${name} is in the template, or in a variable that is not sensitive; declare a variable with "sensitive": true for it`;
  collector.warning(path, message);
}
