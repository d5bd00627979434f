/** Waits for the services of a guest that apply its seed. */
import type { Emit } from "../events/types.js";
import { waitForCloudInit } from "../guest/cloud-init.js";
import type { Guest } from "../guest/guest.js";
import { waitForOneContext } from "../guest/one-context.js";
import type { Seed, SeedService } from "../seed/kind.js";

/** Inputs of a wait. */
interface WaitOptions {
  /** Time limit for the guest to answer again after a restart. Milliseconds. */
  readonly restartMs: number;
  readonly emit: Emit;
}

const WAITS: Readonly<Record<SeedService, (guest: Guest, options: WaitOptions) => Promise<void>>> =
  { "cloud-init": waitForCloudInit, "one-context": waitForOneContext };

/**
 * Waits until the guest has applied its seed.
 * @throws {VmbuildError} GUEST_CLOUD_INIT, GUEST_LOST, GUEST_TIMEOUT.
 */
export async function waitForSeed(
  { waitsFor }: Pick<Seed, "waitsFor">,
  guest: Guest,
  options: WaitOptions,
): Promise<void> {
  if (waitsFor !== undefined) await WAITS[waitsFor](guest, options);
}
