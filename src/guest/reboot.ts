/** Restarts the guest, and does not take the old boot for the new one. */
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError } from "../errors.js";
import { formatDuration } from "../host/format.js";
import type { Connection } from "./connection.js";
import { requireSuccess, runQuietly } from "./script.js";

/** What waiting for a restart needs. Times are milliseconds. */
export interface RestartOptions {
  readonly connection: Connection;
  readonly connect: (timeoutMs: number, signal: AbortSignal) => Promise<Connection>;
  /** How often the machine was reset so far, where that can be known: QEMU tells it. */
  readonly resets?: (() => number) | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a restart needs. */
export interface RebootOptions extends RestartOptions {
  readonly sudo: boolean;
}

/** What a guest answered when it was asked for its boot. */
type Answer = { readonly boot: string } | { readonly words: readonly string[] };

const BOOT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Asks for the kernel's id of its boot; returns what the guest said in place of it otherwise. */
async function askForBoot(connection: Connection, signal: AbortSignal): Promise<Answer> {
  try {
    const command = "cat /proc/sys/kernel/random/boot_id";
    const { lines, words } = await runQuietly(connection, command, signal);
    const boot = lines.find((line) => BOOT_ID.test(line));
    return boot === undefined ? { words } : { boot };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof VmbuildError && error.code === "GUEST_SHELL") {
      return { words: error.lines };
    }
    throw error;
  }
}

/** Waits until the connection is lost, but not longer than so many milliseconds. */
async function untilLost(
  connection: Connection,
  milliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  const either = AbortSignal.any([signal, connection.lost]);
  await delay(milliseconds, undefined, { signal: either }).catch(() => signal.throwIfAborted());
}

/** How long a guest that has just let us in may take to say which boot it is. */
const ANSWER_MS = 20_000;

/** As {@link askForBoot}; undefined where the guest was gone before it answered. */
async function answerOf(connection: Connection, signal: AbortSignal): Promise<Answer | undefined> {
  const patience = AbortSignal.timeout(ANSWER_MS);
  try {
    return await askForBoot(connection, AbortSignal.any([signal, patience]));
  } catch (error) {
    signal.throwIfAborted();
    const gone = error instanceof VmbuildError && error.code === "GUEST_LOST";
    if (gone || patience.aborted) return undefined;
    throw error;
  }
}

/**
 * How long we wait for the connection to end. A guest without libpam-systemd stops its network
 * without a word to us; what answers to a new connection then shows which boot it is.
 */
const GOING_DOWN_MS = 3000;

/**
 * How long a guest that lets us in may run no command before that is taken for its last word. One
 * that goes down or comes up may be like this for a moment.
 */
const MUTE_MS = 20_000;

/** The error for a guest that runs no commands. */
function muteError(words: readonly string[], restarted: boolean | undefined): VmbuildError {
  const which = restarted === true ? "The guest restarted, and" : "The guest";
  const answered = words.length > 0 ? `its response is: ${words[0]}` : "it sends no response";
  const message = `${which} accepts the login but does not run commands; ${answered}`;
  return new VmbuildError("GUEST_SHELL", message, { lines: words.slice(0, 20) });
}

/** Waits for a guest that says its boot, and another one than that before. */
async function untilOtherBoot(
  options: RestartOptions,
  before: string | undefined,
  resetsBefore: number | undefined,
): Promise<Connection> {
  const { connect, resets, timeoutMs, signal } = options;
  const started = performance.now();
  let muteSince: number | undefined;
  for (;;) {
    const left = timeoutMs - (performance.now() - started);
    const restarted = resetsBefore === undefined ? undefined : (resets?.() ?? 0) > resetsBefore;
    if (left <= 0) {
      const state =
        restarted === true
          ? "it was reset, but its boot ID cannot be read"
          : "it is still running the previous boot";
      throw new VmbuildError(
        "GUEST_TIMEOUT",
        `The guest did not restart within ${formatDuration(timeoutMs)}: ${state}`,
      );
    }
    const next = await connect(Math.ceil(left), signal);
    const answer = await answerOf(next, signal);
    if (answer && "boot" in answer && answer.boot !== before) return next;
    // One that was not reset yet is on its way down; the next boot may run commands again.
    if (answer && "words" in answer && restarted !== false) {
      muteSince ??= performance.now();
      if (performance.now() - muteSince >= Math.min(MUTE_MS, timeoutMs / 2)) {
        next.close();
        throw muteError(answer.words, restarted);
      }
    } else {
      muteSince = undefined;
    }
    await untilLost(next, muteSince === undefined ? GOING_DOWN_MS : GOING_DOWN_MS / 3, signal);
    next.close();
  }
}

/**
 * Tells the guest to restart, waits until it is gone and then until it answers with another
 * boot id.
 * @throws {VmbuildError} GUEST_TIMEOUT when it does not come back in time, or never goes down;
 *   GUEST_SHELL when it comes back and runs no commands.
 */
export async function reconnectAfterReboot(options: RebootOptions): Promise<Connection> {
  const { connection, resets, timeoutMs, signal, sudo } = options;
  const answer = await askForBoot(connection, signal);
  if (!("boot" in answer)) throw muteError(answer.words, undefined);
  const resetsBefore = resets?.();
  const order = "(sleep 0.2; systemctl reboot || reboot) >/dev/null 2>&1 &";
  const { end, words } = await runQuietly(connection, order, signal, { sudo });
  requireSuccess(end, "reboot", words);
  await untilLost(connection, Math.min(GOING_DOWN_MS, timeoutMs), signal);
  connection.close();
  return untilOtherBoot(options, answer.boot, resetsBefore);
}

/** The boot that a guest runs, to tell a later one from; undefined where it does not say it. */
export async function bootOf(
  connection: Connection,
  signal: AbortSignal,
): Promise<string | undefined> {
  const answer = await answerOf(connection, signal);
  return answer && "boot" in answer ? answer.boot : undefined;
}

/**
 * Connects to a guest again that lost the connection, and that may have restarted.
 * @returns the new connection, once the guest runs commands on it; of whichever boot.
 * @throws {VmbuildError} as {@link reconnectAfterReboot}.
 */
export async function reconnectAfterLoss(options: RestartOptions): Promise<Connection> {
  const { connection, resets } = options;
  connection.close();
  return untilOtherBoot(options, undefined, resets?.());
}
