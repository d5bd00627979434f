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
import { declareKept, findPrivateKeys, readPrivateKeys } from "./seal/private-keys.js";
import { removeScript } from "./seal/remove.js";
import { foundPlaces, searchScript } from "./seal/search.js";
import { RELABEL, relabelWarnings } from "./seal/selinux.js";
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
  /** Sentences about keys that the image is meant to hold. */
  readonly notes: readonly string[];
}

/** Time limit: a search through many files takes minutes. Milliseconds. */
const DEADLINE_MS = 900_000;

/**
 * Returns the whole shell script of the seal. Its output is read by {@link sealGuest}. The search
 * runs beside the trim.
 * @param seedScript shell code that removes what the seed caused; it may use the function `erase`.
 * @param keep paths of private keys that the image is meant to hold.
 */
export function sealScript(keys: BuildKeys, seedScript = "", keep: readonly string[] = []): string {
  const remove = [removeScript(keys), seedScript, RELABEL];
  const search = [searchScript(keys), declareKept(keep), findPrivateKeys(keep), CHECK_HOST_KEYS];
  return [...remove, `${TRIM} &`, ...search, "wait"].join("\n");
}

/**
 * Seals the guest and trims its file systems. The build's own connection stays open until the
 * machine stops.
 * @param seedScript and `keep`: see {@link sealScript}.
 * @throws {VmbuildError} SEAL_FAILED with each file that still contains a trace of the build, or
 *   each declared key that is missing.
 */
export async function sealGuest(
  guest: Guest,
  keys: BuildKeys,
  seedScript: string,
  keep: readonly string[] = [],
): Promise<SealResult> {
  const script = sealScript(keys, seedScript, keep);
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
  const { notes, missing, warnings } = readPrivateKeys(lines);
  if (missing.length > 0) {
    throw new VmbuildError("SEAL_FAILED", "The image does not hold keys that it is meant to hold", {
      lines: missing,
    });
  }
  const ofSeed = markedLines(lines, SEAL_WARNING).map((message) => ({ message }));
  const others = [...hostKeyWarnings(lines), ...relabelWarnings(lines), ...warnings];
  return { warnings: [...ofSeed, ...others], notes };
}

/** Trims the file systems of a guest that is not sealed. */
export async function trimGuest(guest: Guest): Promise<void> {
  await guest.ask(TRIM, "fstrim", 600_000);
}
