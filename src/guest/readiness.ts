/** Waits until the guest lets the build in, and can say why it did not. */
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { formatDuration } from "../host/format.js";
import { AttemptFailure, connectOnce } from "./connection.js";
import type { Connection, SshTarget, Stage } from "./connection.js";

/** What each stage means when a guest never passes it. */
export const STAGE_HINTS: Record<Stage, { problem: string; hint: string }> = {
  listener: {
    problem: "nothing listens on the guest's port 22",
    hint: "Check on the console whether the base starts an SSH server.",
  },
  banner: {
    problem: "the guest does not answer on the network",
    hint: "Check the console's last lines: the guest may not have booted, or may have no network.",
  },
  handshake: {
    problem: "the SSH handshake does not complete",
    hint: "Increase ssh.timeout for a very slow guest, and check that port 22 is used by an SSH server.",
  },
  authentication: {
    problem: "the guest rejects the build's key",
    hint: "Check ssh.user, and that cloud-init installs the key for that user.",
  },
};

/** What waiting needs. Times are milliseconds. */
export interface ReadinessOptions {
  readonly target: SshTarget;
  readonly timeoutMs: number;
  readonly emit: Emit;
  /** Cancels the wait; the machine's death should be part of it. */
  readonly signal: AbortSignal;
  /** The console's last lines, for the error and to notice a guest that cannot boot. */
  readonly readConsole: () => Promise<string[]>;
}

const RETRY_MS = 200;
/**
 * While the guest's network is not there yet, an attempt hangs: QEMU sends its first packet again
 * only after seconds, so that a new attempt notices sooner when the network comes up.
 */
const HASTY_BANNER_MS = 1500;
/** Once something was there to refuse us, a slow banner is worth waiting for. */
const PATIENT_BANNER_MS = 20_000;
/** A slow guest may never refuse and never be quick: now and then it gets more time, and ever more. */
const PATIENT_EVERY = 6;
const PATIENCE_GROWTH_MS = 100;
/** A key that is refused for this long will not be accepted later. */
const AUTHENTICATION_GRACE_MS = 120_000;
const CONSOLE_CHECK_MS = 2000;

/** What a console shows when waiting longer is useless. */
const HOPELESS = [
  /Kernel panic - not syncing/,
  /No bootable device/,
  /BdsDxe: No bootable option or device was found/,
  // Where UEFI firmware ends up that has nothing else to start, once it found no startup.nsh.
  /^Shell>/,
  /You are in emergency mode/,
  /^grub rescue>/,
  /Give root password for maintenance/,
  // Only QEMU could wake it again.
  /reboot: System halted/,
];

/** The line that says that this guest will never be ready, if the console has one. */
export function findHopeless(lines: readonly string[]): string | undefined {
  return lines.find((line) => HOPELESS.some((pattern) => pattern.test(line)));
}

function timeoutError(
  options: ReadinessOptions,
  failure: AttemptFailure | undefined,
  attempts: number,
  console: readonly string[],
): VmbuildError {
  const stage = failure?.stage ?? "listener";
  const { problem, hint } = STAGE_HINTS[stage];
  const patience = formatDuration(options.timeoutMs);
  return new VmbuildError(
    "GUEST_TIMEOUT",
    `The guest was not ready within ${patience} (ssh.timeout): ${problem}`,
    {
      hint,
      cause: failure,
      lines: [
        `stage reached: ${stage}, after ${attempts} attempts${failure ? ` (${failure.message})` : ""}`,
        "last lines of the console:",
        ...(console.length > 0 ? console.map((line) => `  ${line}`) : ["  (empty)"]),
      ],
      details: { stage, attempts },
    },
  );
}

class Waiting {
  readonly #options: ReadinessOptions;
  #bannerMs = HASTY_BANNER_MS;
  #lastFailure: AttemptFailure | undefined;
  #lastStage: Stage | undefined;
  #refusedSince: number | undefined;
  #consoleCheckedAt = 0;
  #wasHeard = false;
  attempts = 0;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  async run(): Promise<Connection> {
    const { target, signal, timeoutMs } = this.#options;
    // It takes whole numbers only.
    const deadline = AbortSignal.timeout(Math.ceil(timeoutMs));
    const either = AbortSignal.any([signal, deadline]);
    try {
      for (;;) {
        this.attempts++;
        try {
          return await connectOnce(target, this.#bannerMs, either);
        } catch (error) {
          either.throwIfAborted();
          if (!(error instanceof AttemptFailure)) throw error;
          await this.#learnFrom(error);
        }
        await delay(RETRY_MS, undefined, { signal: either });
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!deadline.aborted) throw error;
      const console = await this.#options.readConsole();
      throw timeoutError(this.#options, this.#lastFailure, this.attempts, console);
    }
  }

  async #learnFrom(failure: AttemptFailure): Promise<void> {
    this.#lastFailure = failure;
    if (failure.stage !== this.#lastStage) {
      this.#lastStage = failure.stage;
      this.#options.emit({ type: "guest.stage", stage: failure.stage, attempt: this.attempts });
    }
    if (failure.stage !== "banner") this.#wasHeard = true;
    this.#bannerMs = this.#nextBannerMs();
    this.#giveUpOnRefusal(failure);
    await this.#giveUpOnConsole();
  }

  #nextBannerMs(): number {
    if (this.#wasHeard) return PATIENT_BANNER_MS;
    if (this.attempts % PATIENT_EVERY !== 0) return HASTY_BANNER_MS;
    const patience = 2 * HASTY_BANNER_MS + this.attempts * PATIENCE_GROWTH_MS;
    return Math.min(patience, PATIENT_BANNER_MS);
  }

  #giveUpOnRefusal(failure: AttemptFailure): void {
    if (failure.stage !== "authentication") {
      this.#refusedSince = undefined;
      return;
    }
    this.#refusedSince ??= performance.now();
    if (performance.now() - this.#refusedSince < AUTHENTICATION_GRACE_MS) return;
    const { user } = this.#options.target;
    throw new VmbuildError(
      "GUEST_AUTH",
      `The guest has rejected the build's key for the user ${user} for ${formatDuration(AUTHENTICATION_GRACE_MS)}`,
      { cause: failure, lines: [`last response: ${failure.message}`] },
    );
  }

  async #giveUpOnConsole(): Promise<void> {
    if (performance.now() - this.#consoleCheckedAt < CONSOLE_CHECK_MS) return;
    this.#consoleCheckedAt = performance.now();
    const lines = await this.#options.readConsole();
    const line = findHopeless(lines);
    if (line === undefined) return;
    const what = line.includes("System halted") ? "halted" : "cannot boot";
    throw new VmbuildError("GUEST_BOOT", `The guest ${what}: ${line.trim()}`, { lines });
  }
}

/**
 * Waits until the guest answers over SSH with the pinned host key and accepts the build's key.
 * One attempt at a time, and each one that sees a banner authenticates: OpenSSH 9.8 penalises
 * clients that do not (PerSourcePenalties in sshd_config(5), OpenSSH 9.8).
 * @throws {VmbuildError} GUEST_TIMEOUT with the stage reached and the console's last lines;
 *   GUEST_BOOT as soon as the console shows that it is hopeless; GUEST_HOST_KEY; GUEST_AUTH.
 */
export async function waitUntilReady(options: ReadinessOptions): Promise<Connection> {
  const started = performance.now();
  const waiting = new Waiting(options);
  const connection = await waiting.run();
  const durationMs = performance.now() - started;
  options.emit({ type: "guest.ready", durationMs, attempts: waiting.attempts });
  return connection;
}
