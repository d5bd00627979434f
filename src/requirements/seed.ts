/** Chooses the seed of a build from its template and from what is known about its base. */
import type { FoundImage } from "../base/kind.js";
import { baseKindOf } from "../base/registry.js";
import { VmbuildError } from "../errors.js";
import { architectureNamed } from "../machine/architectures/registry.js";
import { guestMac } from "../machine/networks.js";
import { credentialsSeed, takesCredentials } from "../seed/credentials.js";
import type { Seed } from "../seed/kind.js";
import { hasSeedContent, isSeedUnset, seedOf, seedProblems } from "../seed/registry.js";
import type { Template } from "../template/load.js";
import { baseLetsIn, hasOwnCredentials } from "./login.js";
import { planMachine } from "./plan.js";

/** Facts about a base that decide how the build gets in. */
type SeededBase = Pick<FoundImage, "system" | "key" | "isComplete">;

/** Returns whether nothing in the template needs a seed of a certain kind. */
function leavesSeedOpen({ seed, ssh, machine }: Template): boolean {
  return (
    isSeedUnset(seed) &&
    ssh.user === "root" &&
    !hasOwnCredentials(ssh) &&
    architectureNamed(machine.arch).boardOf(machine.type).hasSmbios
  );
}

/**
 * Returns the seed of a build. Pure: nothing is tried in the guest.
 * @param base facts about the base's system, where they are known, and its own key.
 */
export function planSeed(template: Template, { system, key }: SeededBase): Seed {
  if (system && leavesSeedOpen(template) && takesCredentials(system.systemd)) {
    return credentialsSeed(system.systemd);
  }
  const { folder, ssh, seed } = template;
  const isOpen = baseLetsIn(ssh, key);
  const mac = guestMac(planMachine(template));
  return seedOf(seed, { folder, user: ssh.user, hasOwnCredentials: isOpen, mac });
}

/**
 * Returns whether the base is published as it is: nothing of the template would change it, and
 * without the seal nothing of the build is in it.
 */
export function needsNoMachine(
  { steps, seal, seed }: Template,
  { isComplete }: Pick<FoundImage, "isComplete">,
): boolean {
  return isComplete === true && steps.length === 0 && !seal && !hasSeedContent(seed);
}

/**
 * Checks that the build can log in to a base that has been created or found.
 * @throws {VmbuildError} TEMPLATE_INVALID where neither the seed nor the base lets it in.
 */
export function requireWayIn(template: Template, base: SeededBase): void {
  if (needsNoMachine(template, base)) return;
  const { seed, ssh, describeProblem } = template;
  const context = { user: ssh.user, baseLetsIn: baseLetsIn(ssh, base.key) };
  const lines = seedProblems(seed, context).map(({ key, message }) =>
    describeProblem({ path: ["seed", ...key], message }),
  );
  if (lines.length === 0) return;
  throw new VmbuildError("TEMPLATE_INVALID", "Nothing lets the build into the base", {
    lines,
    hint: "Give the installer the build's key with ${ssh.publicKey}.",
  });
}

/**
 * Returns the seed that a run would use, and whether that depends on a base that does not exist
 * yet.
 */
export async function previewSeed(
  template: Template,
): Promise<{ readonly seed: Seed; readonly isOpen: boolean }> {
  const { base, folder: templateFolder, machine } = template;
  const kind = baseKindOf(base);
  const system = await kind.system?.(base, { templateFolder, arch: machine.arch });
  const isOpen = kind.system !== undefined && system === undefined && leavesSeedOpen(template);
  return { seed: planSeed(template, { system }), isOpen };
}
