/**
 * Removes the build's keys and identity from the guest and verifies that none are left: the build's
 * key, its host key, cloud-init's state, machine-id and random seed.
 */
import { VmbuildError } from "../errors.js";
import { markedLines } from "../host/lines.js";
import { shellQuote } from "../host/programs.js";
import type { BuildKeys } from "../seed/keys.js";
import { SEAL_WARNING } from "../seed/kind.js";
import type { Guest } from "./guest.js";
import { CHECK_HOST_KEYS, REMOVE_HOST_KEYS, hostKeyWarnings } from "./seal/host-keys.js";
import { removeScript } from "./seal/remove.js";
import { foundPlaces, searchScript } from "./seal/search.js";
import { TRIM } from "./seal/trim.js";

/**
 * Returns the last command before poweroff: it removes what earlier commands and connections
 * needed. These are the rules that let the build's user become root without a password, and host
 * keys that the server makes anew.
 */
export function lastCommand(sudoRules: readonly string[]): string {
  const rules = sudoRules.map((path) => `rm -f ${shellQuote(path)}`);
  return [...rules, REMOVE_HOST_KEYS].join("\n");
}

/** Result of sealing. */
export interface SealResult {
  readonly warnings: readonly { readonly message: string; readonly hint?: string }[];
}

/** Time limit: a search through many files takes minutes. Milliseconds. */
const DEADLINE_MS = 900_000;

/**
 * Returns the whole shell script of the seal. Its output is read by {@link sealGuest}. The search
 * runs beside the trim.
 * @param seedScript shell code that removes what the seed caused; it may use the function `erase`.
 */
export function sealScript(keys: BuildKeys, seedScript = ""): string {
  const remove = [removeScript(keys), seedScript];
  return [...remove, `${TRIM} &`, searchScript(keys), CHECK_HOST_KEYS, "wait"].join("\n");
}

/**
 * Seals the guest and trims its file systems. The build's own connection stays open until the
 * machine stops.
 * @param seedScript see {@link sealScript}.
 * @throws {VmbuildError} SEAL_FAILED with each file that still contains a trace of the build.
 */
export async function sealGuest(
  guest: Guest,
  keys: BuildKeys,
  seedScript: string,
): Promise<SealResult> {
  const script = sealScript(keys, seedScript);
  const lines = await guest.ask(script, "Removing the build's keys", DEADLINE_MS);
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
  const ofSeed = markedLines(lines, SEAL_WARNING).map((message) => ({ message }));
  return { warnings: [...ofSeed, ...hostKeyWarnings(lines)] };
}

/** Trims the file systems of a guest that is not sealed. */
export async function trimGuest(guest: Guest): Promise<void> {
  await guest.ask(TRIM, "fstrim", 600_000);
}
