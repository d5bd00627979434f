/** Waits until the guest accepts the build's login, and explains which stage failed otherwise. */
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { formatDuration } from "../host/format.js";
import { ARCHITECTURES } from "../machine/architectures/registry.js";
import { AttemptFailure, connectOnce } from "./connection.js";
import type { Connection, SshTarget, Stage } from "./connection.js";
import { describeLogin } from "./login.js";

/** Explanation of each stage that a guest may fail to pass. */
export const STAGE_HINTS: Record<Stage, { problem: string; hint: string }> = {
  listener: {
    problem: "nothing listens on the guest's SSH port",
    hint: "Check on the console whether the base starts an SSH server, and that ssh.port is its port.",
  },
  banner: {
    problem: "the guest does not answer on the network",
    hint: "Check the console's last lines: the guest may not have booted, or may have no network.",
  },
  handshake: {
    problem: "the SSH handshake does not complete",
    hint: "Increase ssh.timeout for a very slow guest, and check that an SSH server uses ssh.port.",
  },
  authentication: {
    problem: "the guest rejects the login",
    hint: "Check ssh.user, and that cloud-init installs the key for that user; or give ssh.password or ssh.privateKey.",
  },
};

/** Options of {@link waitUntilReady}. Times are milliseconds. */
export interface ReadinessOptions {
  readonly target: SshTarget;
  readonly timeoutMs: number;
  readonly emit: Emit;
  /** Cancels the wait. It should include the end of the machine. */
  readonly signal: AbortSignal;
  /**
   * Reads the last lines of the console, for error messages and to detect a guest that cannot boot.
   */
  readonly readConsole: () => Promise<string[]>;
}

const RETRY_MS = 200;
/**
 * Time limit for the banner while the guest's network may still be down. QEMU retransmits its first
 * packet only after seconds, so a new attempt detects the network sooner.
 */
const SHORT_BANNER_MS = 1500;
/**
 * Time limit for the banner once the server has answered anything, so that a slow banner is worth
 * waiting for.
 */
const LONG_BANNER_MS = 20_000;
/**
 * Number of attempts after which the banner gets more time, for a guest that is slow but never
 * refuses. The time grows with the attempts.
 */
const LONGER_BANNER_EVERY = 6;
const BANNER_GROWTH_MS = 100;
/** Time after which a refused key is not expected to be accepted any more. */
const AUTHENTICATION_GRACE_MS = 120_000;
const CONSOLE_CHECK_MS = 2000;

/** Console lines of the initramfs of Debian, and of dracut's, without the root file system. */
const NO_ROOT_PATTERNS = [
  /^ALERT! .* does not exist\./,
  /^\(initramfs\)/,
  // dracut-emergency; its prompt depends on the version.
  /Entering emergency mode/,
  /^dracut:\/#/,
];

/** Tells whether a console line says that the initramfs does not find the root file system. */
export function isWithoutRoot(line: string): boolean {
  return NO_ROOT_PATTERNS.some((pattern) => pattern.test(line));
}

/** Console lines of a guest that can never become ready. */
const FATAL_PATTERNS = [
  ...NO_ROOT_PATTERNS,
  /Kernel panic - not syncing/,
  ...ARCHITECTURES.flatMap(({ bootFailures }): readonly RegExp[] => bootFailures),
  /BdsDxe: No bootable option or device was found/,
  // UEFI firmware ends up here when there is nothing else to boot and no startup.nsh.
  /^Shell>/,
  /You are in emergency mode/,
  /^grub rescue>/,
  /Give root password for maintenance/,
  // Only QEMU could wake the guest up again.
  /reboot: System halted/,
];

/** Returns the console line that shows that the guest can never become ready, if there is one. */
export function findFatalLine(lines: readonly string[]): string | undefined {
  return lines.find((line) => FATAL_PATTERNS.some((pattern) => pattern.test(line)));
}

function timeoutError(
  options: ReadinessOptions,
  failure: AttemptFailure | undefined,
  attempts: number,
  console: readonly string[],
): VmbuildError {
  const stage = failure?.stage ?? "listener";
  const { problem, hint } = STAGE_HINTS[stage];
  const limit = formatDuration(options.timeoutMs);
  return new VmbuildError(
    "GUEST_TIMEOUT",
    `The guest was not ready within ${limit} (ssh.timeout): ${problem}`,
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

class ReadinessWait {
  readonly #options: ReadinessOptions;
  #bannerMs = SHORT_BANNER_MS;
  #lastFailure: AttemptFailure | undefined;
  #lastStage: Stage | undefined;
  #refusedSince: number | undefined;
  #consoleCheckedAt = 0;
  #sawServer = false;
  attempts = 0;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  async run(): Promise<Connection> {
    const { target, signal, timeoutMs } = this.#options;
    // `AbortSignal.timeout` accepts whole numbers only.
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
          await this.#recordFailure(error);
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

  async #recordFailure(failure: AttemptFailure): Promise<void> {
    this.#lastFailure = failure;
    if (failure.stage !== this.#lastStage) {
      this.#lastStage = failure.stage;
      this.#options.emit({ type: "guest.stage", stage: failure.stage, attempt: this.attempts });
    }
    if (failure.stage !== "banner") this.#sawServer = true;
    this.#bannerMs = this.#nextBannerMs();
    this.#throwIfRefused(failure);
    await this.#throwIfConsoleIsFatal();
  }

  #nextBannerMs(): number {
    if (this.#sawServer) return LONG_BANNER_MS;
    if (this.attempts % LONGER_BANNER_EVERY !== 0) return SHORT_BANNER_MS;
    const limit = 2 * SHORT_BANNER_MS + this.attempts * BANNER_GROWTH_MS;
    return Math.min(limit, LONG_BANNER_MS);
  }

  #throwIfRefused(failure: AttemptFailure): void {
    if (failure.stage !== "authentication") {
      this.#refusedSince = undefined;
      return;
    }
    this.#refusedSince ??= performance.now();
    if (performance.now() - this.#refusedSince < AUTHENTICATION_GRACE_MS) return;
    const { login } = this.#options.target;
    const time = formatDuration(AUTHENTICATION_GRACE_MS);
    throw new VmbuildError(
      "GUEST_AUTH",
      `The guest has rejected ${describeLogin(login)} for the user ${login.user} for ${time}`,
      { cause: failure, lines: [`last response: ${failure.message}`] },
    );
  }

  async #throwIfConsoleIsFatal(): Promise<void> {
    if (performance.now() - this.#consoleCheckedAt < CONSOLE_CHECK_MS) return;
    this.#consoleCheckedAt = performance.now();
    const lines = await this.#options.readConsole();
    const line = findFatalLine(lines);
    if (line === undefined) return;
    const what = line.includes("System halted") ? "halted" : "cannot boot";
    throw new VmbuildError("GUEST_BOOT", `The guest ${what}: ${line.trim()}`, { lines });
  }
}

/**
 * Waits until the guest answers over SSH with the pinned host key and accepts the build's key. It
 * makes one attempt at a time, and each attempt that reads a banner also authenticates, because
 * OpenSSH 9.8 penalizes clients that do not (PerSourcePenalties in sshd_config(5)).
 * @throws {VmbuildError} GUEST_TIMEOUT with the stage reached and the last console lines;
 *   GUEST_BOOT as soon as the console shows a fatal error; GUEST_HOST_KEY; GUEST_AUTH.
 */
export async function waitUntilReady(options: ReadinessOptions): Promise<Connection> {
  const started = performance.now();
  const waiting = new ReadinessWait(options);
  const connection = await waiting.run();
  const durationMs = performance.now() - started;
  options.emit({ type: "guest.ready", durationMs, attempts: waiting.attempts });
  return connection;
}
