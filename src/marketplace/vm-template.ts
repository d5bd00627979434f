/**
 * Checks `opennebula_template` of an image or a virtual machine template. The server turns its keys
 * to upper case, and OpenNebula's marketplace driver writes it as an OpenNebula template
 * (`template_to_str` in src/market_mad/remotes/one/monitor). When that fails for one value, the
 * whole template is dropped without a message.
 */
import type { JsonPath } from "../template/document.js";
import { isMapping, typeOf } from "./findings.js";
import type { Findings } from "./findings.js";
import { checkUserInputs } from "./user-inputs.js";

/** A quote that no backslash escapes, or a backslash that escapes the closing quote. */
const ENDS_VALUE = /(?<!\\)"|\\$/;
/** Name of an attribute (src/parsers/template_parser.l). */
const NAME = /^[A-Za-z0-9_]+$/;

function checkText(value: unknown, path: JsonPath, findings: Findings): void {
  if (value === null || value === undefined) return;
  if (typeof value === "string") {
    if (!ENDS_VALUE.test(value)) return;
    findings.error(path, 'contains a quotation mark that ends the value early: write \\"');
    return;
  }
  const problem = `must be a string: put it in quotes. OpenNebula drops the template when a value is ${typeOf(value)}`;
  findings.error(path, problem);
}

function checkNames(value: Readonly<Record<string, unknown>>, path: JsonPath, findings: Findings) {
  const seen = new Map<string, string>();
  for (const key of Object.keys(value)) {
    const upper = key.toUpperCase();
    const other = seen.get(upper);
    if (!NAME.test(key)) {
      findings.error([...path, key], "is not a name of letters, digits and underscores");
    } else if (other !== undefined) {
      findings.warn(
        [...path, key],
        `replaces ${other}: the server does not distinguish upper case`,
      );
    }
    seen.set(upper, key);
  }
}

/** Checks an attribute that has attributes of its own, all of which must be texts. */
function checkVector(value: Readonly<Record<string, unknown>>, path: JsonPath, findings: Findings) {
  checkNames(value, path, findings);
  for (const [key, item] of Object.entries(value)) checkText(item, [...path, key], findings);
}

function checkAttribute(value: unknown, path: JsonPath, findings: Findings): void {
  if (isMapping(value)) return checkVector(value, path, findings);
  if (!Array.isArray(value)) return checkText(value, path, findings);
  for (const [index, item] of value.entries()) {
    const at = [...path, index];
    if (isMapping(item)) checkVector(item, at, findings);
    else if (item !== null && item !== "") {
      findings.error(
        at,
        `must be a mapping, as each of several attributes of one name, not ${typeOf(item)}`,
      );
    }
  }
}

/** Returns the value of a key in any case. */
function valueOf(template: Readonly<Record<string, unknown>>, name: string): [string, unknown] {
  const key = Object.keys(template).find((one) => one.toLowerCase() === name) ?? name;
  return [key, template[key]];
}

/** Checks the template of a virtual machine at `opennebula_template`. */
export function checkVmTemplate(template: unknown, findings: Findings): void {
  const path: JsonPath = ["opennebula_template"];
  if (!isMapping(template)) {
    findings.error(path, `must be a mapping, not ${typeOf(template)}`);
    return;
  }
  checkNames(template, path, findings);
  for (const [key, value] of Object.entries(template)) {
    checkAttribute(value, [...path, key], findings);
  }
  for (const name of ["cpu", "memory"]) {
    const [key, value] = valueOf(template, name);
    if (value === undefined || value === null || value === "") {
      findings.error([...path, key], "is missing: OpenNebula creates no machine without it");
    } else if (typeof value === "string" && !(Number(value) > 0)) {
      findings.error([...path, key], `is ${JSON.stringify(value)}, not a number above 0`);
    }
  }
  const [inputsKey, inputs] = valueOf(template, "user_inputs");
  const [orderKey, order] = valueOf(template, "inputs_order");
  checkUserInputs(
    { inputs, inputsPath: [...path, inputsKey], order, orderPath: [...path, orderKey] },
    findings,
  );
}
