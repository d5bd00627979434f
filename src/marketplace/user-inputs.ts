/**
 * Checks the inputs that OpenNebula asks a user for. It accepts any text in their place, and asks in
 * an order of its own where `inputs_order` is incomplete; all findings are warnings.
 */
import type { JsonPath } from "../template/document.js";
import { isMapping } from "./findings.js";
import type { Findings } from "./findings.js";

/** Types of inputs (OpenNebula's manual, "User Inputs"); `network` and others are for services. */
const INPUT_TYPES = [
  ...["text", "text64", "password", "boolean", "fixed", "list", "list-multiple"],
  ...["number", "number-float", "range", "range-float"],
];
const SERVICE_INPUT_TYPES = [...INPUT_TYPES, "network", "vntemplate"];

/** Inputs of a template with their order. */
export interface InputsToCheck {
  readonly inputs: unknown;
  readonly inputsPath: JsonPath;
  readonly order?: unknown;
  readonly orderPath?: JsonPath;
  /** Inputs of a service, which have more types. */
  readonly service?: boolean;
}

function checkInput(value: string, types: readonly string[], warn: (message: string) => void) {
  const parts = value.split("|");
  const [mandatory = "", type = "", description = ""] = parts.map((part) => part.trim());
  if (parts.length < 3) return warn("is not M|type|description|options|default");
  if (!["M", "O"].includes(mandatory)) {
    warn(`begins with ${mandatory || "nothing"}, not with M (mandatory) or O (optional)`);
  }
  if (!types.includes(type))
    warn(`has the type ${type || "(none)"}, not one of ${types.join(", ")}`);
  if (description === "") warn("has no description");
  // A list of choices or a default may contain further bars.
}

function checkOrder(order: string, names: readonly string[], warn: (message: string) => void) {
  const listed = order.split(",").map((name) => name.trim());
  for (const name of new Set(listed)) {
    if (!names.includes(name.toUpperCase())) warn(`names ${name}, which is not among user_inputs`);
    else if (name !== name.toUpperCase()) warn(`names ${name}, which is not in upper case`);
    if (listed.indexOf(name) !== listed.lastIndexOf(name)) warn(`names ${name} twice`);
  }
  const missing = names.filter((name) => !listed.some((one) => one.toUpperCase() === name));
  if (missing.length > 0) warn(`does not name ${missing.join(", ")}`);
}

/** Checks the inputs, and their order where one is given. */
export function checkUserInputs(toCheck: InputsToCheck, findings: Findings): void {
  const { inputs, inputsPath, order, orderPath = [], service = false } = toCheck;
  if (inputs === undefined || inputs === null) return;
  if (!isMapping(inputs)) {
    findings.warn(inputsPath, "is not a mapping of names to M|type|description|options|default");
    return;
  }
  const types = service ? SERVICE_INPUT_TYPES : INPUT_TYPES;
  for (const [key, value] of Object.entries(inputs)) {
    // Other values than texts are errors of the template.
    if (typeof value !== "string") continue;
    checkInput(value, types, (message) => findings.warn([...inputsPath, key], message));
  }
  const names = Object.keys(inputs).map((name) => name.toUpperCase());
  if (typeof order !== "string" || order.trim() === "") return;
  checkOrder(order, names, (message) => findings.warn(orderPath, message));
}
