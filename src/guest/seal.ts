/**
 * Removes the build's keys and identity from the guest and verifies that none are left: the build's
 * key, its host key, cloud-init's state, machine-id and random seed.
 */
import { VmbuildError } from "../errors.js";
import type { BuildKeys } from "../seed/keys.js";
import { SUDO_RULE } from "../seed/login-hook.js";
import type { Guest } from "./guest.js";
import { CHECK_HOST_KEYS, REMOVE_HOST_KEYS, hostKeyWarnings } from "./seal/host-keys.js";
import { removeScript } from "./seal/remove.js";
import { foundPlaces, searchScript } from "./seal/search.js";
import { TRIM } from "./seal/trim.js";

/**
 * Returns the last command before poweroff: it removes what earlier commands and connections
 * needed. That is the rule that lets the build's user become root without a password, and host keys
 * that the server makes anew.
 * @param usesOwnRule true when the build installed a rule of its own, beside rules of the base or
 *   of user-data; only that rule is then removed.
 */
export function lastCommand(usesOwnRule: boolean): string {
  const rule = usesOwnRule ? SUDO_RULE : "/etc/sudoers.d/90-cloud-init-users";
  return `rm -f ${rule}\n${REMOVE_HOST_KEYS}`;
}

/** Result of sealing. */
export interface SealResult {
  readonly warnings: readonly { readonly message: string; readonly hint: string }[];
}

/** Time limit: a search through many files takes minutes. Milliseconds. */
const DEADLINE_MS = 900_000;

/**
 * Returns the whole shell script of the seal. Its output is read by {@link sealGuest}. The search
 * runs beside the trim.
 */
export function sealScript(keys: BuildKeys): string {
  const parts = [removeScript(keys), `${TRIM} &`, searchScript(keys), CHECK_HOST_KEYS, "wait"];
  return parts.join("\n");
}

/**
 * Seals the guest and trims its file systems. The build's own connection stays open until the
 * machine stops.
 * @throws {VmbuildError} SEAL_FAILED with each file that still contains a trace of the build.
 */
export async function sealGuest(guest: Guest, keys: BuildKeys): Promise<SealResult> {
  const lines = await guest.ask(sealScript(keys), "Removing the build's keys", DEADLINE_MS);
  const found = foundPlaces(lines);
  if (found.length > 0) {
    throw new VmbuildError(
      "SEAL_FAILED",
      "The image still contains keys or identifiers of the build",
      {
        lines: found,
        details: { files: found },
      },
    );
  }
  return { warnings: hostKeyWarnings(lines) };
}

/** Trims the file systems of a guest that is not sealed. */
export async function trimGuest(guest: Guest): Promise<void> {
  await guest.ask(TRIM, "fstrim", 600_000);
}
