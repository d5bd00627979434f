/**
 * Checks an entry of a OneFlow service: roles, the appliance of each, and the service's template in
 * `opennebula_template` (`render_service_template` in src/market_mad/remotes/one/monitor, and
 * `create_service_template` in src/oca/ruby/opennebula/marketplaceapp_ext.rb).
 */
import type { JsonPath } from "../template/document.js";
import { isMapping, typeOf } from "./findings.js";
import type { Findings } from "./findings.js";
import { checkUserInputs } from "./user-inputs.js";

const TEMPLATE: JsonPath = ["opennebula_template"];

/** Returns the service's template, which may be a mapping or JSON in a text. */
function templateOf(
  value: unknown,
  findings: Findings,
): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined || value === null) {
    findings.error(TEMPLATE, "is missing: a service has no template without it");
    return undefined;
  }
  let found: unknown = value;
  if (typeof value === "string") {
    try {
      found = JSON.parse(value) as unknown;
    } catch {
      findings.error(TEMPLATE, "is neither a mapping nor valid JSON");
      return undefined;
    }
  }
  if (isMapping(found)) return found;
  findings.error(TEMPLATE, `must be a mapping, not ${typeOf(found)}`);
  return undefined;
}

/** Checks the appliances of the roles; returns the names of the roles. */
function checkAppliances(roles: unknown, findings: Findings): string[] {
  if (!isMapping(roles) || Object.keys(roles).length === 0) {
    findings.error(["roles"], "must be a mapping from each role to the name of its appliance");
    return [];
  }
  for (const [role, appliance] of Object.entries(roles)) {
    if (typeof appliance === "string" && appliance.trim() !== "") continue;
    findings.error(["roles", role], `must be the name of an appliance, not ${typeOf(appliance)}`);
  }
  return Object.keys(roles);
}

function checkRoles(roles: unknown, known: readonly string[], findings: Findings): void {
  const path = [...TEMPLATE, "roles"];
  if (!Array.isArray(roles) || roles.length === 0) {
    findings.error(path, "must be a list of the service's roles");
    return;
  }
  const names: unknown[] = [];
  for (const [index, role] of roles.entries()) {
    const name = isMapping(role) ? role["name"] : undefined;
    names.push(name);
    if (typeof name !== "string") {
      findings.error([...path, index, "name"], "must be the name of a role");
    } else if (!known.includes(name)) {
      findings.error([...path, index, "name"], `is ${name}, for which roles names no appliance`);
    }
  }
  for (const name of known) {
    if (!names.includes(name)) findings.warn(["roles", name], "is no role of opennebula_template");
  }
}

/** Checks the roles of a service and its template. */
export function checkService(entry: Readonly<Record<string, unknown>>, findings: Findings): void {
  const known = checkAppliances(entry["roles"], findings);
  const template = templateOf(entry["opennebula_template"], findings);
  if (!template) return;
  checkRoles(template["roles"], known, findings);
  for (const key of ["user_inputs", "custom_attrs", "networks"]) {
    const inputs = template[key];
    checkUserInputs({ inputs, inputsPath: [...TEMPLATE, key], service: true }, findings);
  }
}
