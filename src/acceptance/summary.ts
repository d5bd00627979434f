/** Summarizes a check in a few words. */
import { formatDuration } from "../host/format.js";
import { methodOf, schemeOf } from "./check-schema.js";
import type { Check } from "./check-schema.js";

/**
 * Returns a summary for lists: `POST /v1/models as basic: 200`, `run systemctl --failed`,
 * `boot-time at most 2m`.
 */
export function summarizeCheck(check: Check): string {
  if ("run" in check) return `run ${check.run.join("; ")}`;
  if ("system" in check) {
    const { system, atMost } = check;
    return atMost === undefined ? system : `${system} at most ${formatDuration(atMost)}`;
  }
  const { http, status } = check;
  const scheme = schemeOf(check);
  return `${methodOf(check)} ${http}${scheme === "none" ? "" : ` with ${scheme}`}: ${status.join(" or ")}`;
}
