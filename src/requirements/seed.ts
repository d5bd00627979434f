/** Chooses the seed of a build from its template and from what is known about its base. */
import type { BaseSystem } from "../base/kind.js";
import { baseKindOf } from "../base/registry.js";
import { GUEST_MAC } from "../machine/argv.js";
import { credentialsSeed, takesCredentials } from "../seed/credentials.js";
import type { Seed } from "../seed/kind.js";
import { isSeedUnset, seedOf } from "../seed/registry.js";
import type { Template } from "../template/load.js";
import { hasOwnCredentials } from "./login.js";

/** Machine types with an SMBIOS table. */
const HAS_SMBIOS = /^(pc|q35)\b|-(i440fx|q35)-/;

/** Returns whether nothing in the template needs a seed of a certain kind. */
function leavesSeedOpen({ seed, ssh, machine }: Template): boolean {
  return (
    isSeedUnset(seed) &&
    ssh.user === "root" &&
    !hasOwnCredentials(ssh) &&
    HAS_SMBIOS.test(machine.type)
  );
}

/**
 * Returns the seed of a build. Pure: nothing is tried in the guest.
 * @param system facts about the base's system, where they are known.
 */
export function planSeed(template: Template, system: BaseSystem | undefined): Seed {
  if (system && leavesSeedOpen(template) && takesCredentials(system.systemd)) {
    return credentialsSeed(system.systemd);
  }
  const { folder, ssh, seed } = template;
  const context = { folder, user: ssh.user, hasOwnCredentials: hasOwnCredentials(ssh) };
  return seedOf(seed, { ...context, mac: GUEST_MAC });
}

/**
 * Returns the seed that a run would use, and whether that depends on a base that does not exist
 * yet.
 */
export async function previewSeed(
  template: Template,
): Promise<{ readonly seed: Seed; readonly isOpen: boolean }> {
  const { base } = template;
  const kind = baseKindOf(base);
  const system = await kind.system?.(base);
  const isOpen = kind.system !== undefined && system === undefined && leavesSeedOpen(template);
  return { seed: planSeed(template, system), isOpen };
}
