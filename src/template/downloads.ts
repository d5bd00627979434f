/** Finds downloads of a template that would overwrite each other in the output folder. */
import { claimsCollide } from "../steps/output-path.js";
import type { ParsedAction } from "../steps/registry.js";
import type { Problem } from "./document.js";

/** Finds downloads whose paths in the output folder are equal or nested. */
export function collidingDownloads(
  steps: readonly { readonly actions: readonly ParsedAction[] }[],
): Problem[] {
  const claims = steps.flatMap(({ actions }, step) =>
    actions.flatMap(({ type, value }, action) =>
      type.outputs(value as never).map((claim) => ({ claim, step, action })),
    ),
  );
  return claims.flatMap(({ claim, step, action }, index) => {
    const earlier = claims.slice(0, index).find((one) => claimsCollide(one.claim, claim));
    if (!earlier) return [];
    const other = `steps[${earlier.step}].actions[${earlier.action}]`;
    const message =
      `${JSON.stringify(claim.to)} and ${JSON.stringify(earlier.claim.to)} of ${other} are the ` +
      "same path, or one is inside the other; use a different path for each download";
    return [{ path: ["steps", step, "actions", action, "to"], message }];
  });
}
