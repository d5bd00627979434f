/** Waits for the services of a guest that apply its seed, and corrects what they do. */
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { waitForCloudInit } from "../guest/cloud-init.js";
import type { Guest } from "../guest/guest.js";
import { waitForOneContext } from "../guest/one-context.js";
import { refreshGuest } from "../guest/refresh.js";
import { hostnameOf } from "../seed/hostname.js";
import type { Seed, SeedService } from "../seed/kind.js";
import type { ContextWith } from "./context.js";

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

/**
 * Sets the build's host name again after a reboot of a guest that applies its seed at each boot: it
 * has got the placeholder's name.
 */
export async function restoreHostname(
  { template, emit }: ContextWith<"template" | "emit">,
  seed: Seed,
  guest: Guest,
): Promise<void> {
  if (!seed.appliesAtEachBoot) return;
  await waitForSeed(seed, guest, { restartMs: template.ssh.timeout, emit });
  await refreshGuest(guest, { hostname: hostnameOf(template.name), restored: false });
}

/** Adds the seed's advice to the error of a guest that does not answer. */
export function withSeedHint(error: unknown, { timeoutHint: hint }: Seed): unknown {
  if (!(error instanceof VmbuildError) || error.code !== "GUEST_TIMEOUT" || hint === undefined) {
    return error;
  }
  const { code, message, lines, details } = error;
  return new VmbuildError(code, message, { lines, details, hint, cause: error });
}
