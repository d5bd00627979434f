/** Restarts the guest and makes sure that the new boot answers, not the old one. */
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError } from "../errors.js";
import { formatDuration } from "../host/format.js";
import { isOtherBoot, queryBoot } from "./boot-identity.js";
import type { BootAnswer, BootIdentity } from "./boot-identity.js";
import type { Connection } from "./connection.js";
import type { Privilege } from "./launcher.js";
import { requireSuccess, runQuietly } from "./script.js";

/** Options of a wait for a restart. Times are milliseconds. */
export interface RestartOptions {
  readonly connection: Connection;
  readonly connect: (timeoutMs: number, signal: AbortSignal) => Promise<Connection>;
  /** Number of machine resets so far, as reported by QEMU; absent where it is not available. */
  readonly resets?: (() => number) | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Options of a restart. */
export interface RebootOptions extends RestartOptions {
  readonly privilege: Privilege;
}

/** Waits until the connection is lost, for at most that many milliseconds. */
export async function waitUntilLost(
  connection: Connection,
  milliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  const either = AbortSignal.any([signal, connection.lost]);
  await delay(milliseconds, undefined, { signal: either }).catch(() => signal.throwIfAborted());
}

/** Time limit for the answer of a guest that has just accepted a login. Milliseconds. */
const ANSWER_MS = 20_000;

/** Same as {@link queryBoot}; undefined where the guest was lost or did not answer in time. */
export async function tryQueryBoot(
  connection: Connection,
  signal: AbortSignal,
): Promise<BootAnswer | undefined> {
  const deadline = AbortSignal.timeout(ANSWER_MS);
  try {
    return await queryBoot(connection, AbortSignal.any([signal, deadline]));
  } catch (error) {
    signal.throwIfAborted();
    const gone = error instanceof VmbuildError && error.code === "GUEST_LOST";
    if (gone || deadline.aborted) return undefined;
    throw error;
  }
}

/**
 * Time to wait for the connection to end. A guest without libpam-systemd stops its network without
 * closing connections; the boot on a new connection then shows whether it restarted.
 */
const DISCONNECT_MS = 3000;

/**
 * Time after which a guest that accepts logins but runs no commands is reported as an error. A
 * guest that is shutting down or starting up may do this for a moment.
 */
const NO_COMMANDS_MS = 20_000;

/** Returns the error for a guest that runs no commands. */
export function noCommandsError(
  output: readonly string[],
  restarted: boolean | undefined,
): VmbuildError {
  const which = restarted === true ? "The guest restarted, and" : "The guest";
  const answered = output.length > 0 ? `its response is: ${output[0]}` : "it sends no response";
  const message = `${which} accepts the login but does not run commands; ${answered}`;
  return new VmbuildError("GUEST_SHELL", message, { lines: output.slice(0, 20) });
}

/** Returns the error for a guest that did not restart in time. */
export function restartTimeoutError(timeoutMs: number, wasReset: boolean | undefined) {
  const state =
    wasReset === true
      ? "it was reset, but its boot ID cannot be read"
      : "it is still running the previous boot";
  const message = `The guest did not restart within ${formatDuration(timeoutMs)}: ${state}`;
  return new VmbuildError("GUEST_TIMEOUT", message);
}

/** Waits for a guest that reports another boot than the previous one; without one, for any. */
export async function waitForOtherBoot(
  options: RestartOptions,
  before: BootIdentity | undefined,
  resetsBefore: number | undefined,
): Promise<Connection> {
  const { connect, resets, timeoutMs, signal } = options;
  const started = performance.now();
  let failingSince: number | undefined;
  for (;;) {
    const left = timeoutMs - (performance.now() - started);
    const restarted = resetsBefore === undefined ? undefined : (resets?.() ?? 0) > resetsBefore;
    if (left <= 0) throw restartTimeoutError(timeoutMs, restarted);
    const next = await connect(Math.ceil(left), signal);
    const answer = await tryQueryBoot(next, signal);
    if (answer && "boot" in answer && (!before || isOtherBoot(before, answer.boot))) return next;
    // A guest that was not reset yet is still shutting down; the next boot may run commands again.
    if (answer && "output" in answer && restarted !== false) {
      failingSince ??= performance.now();
      if (performance.now() - failingSince >= Math.min(NO_COMMANDS_MS, timeoutMs / 2)) {
        next.close();
        throw noCommandsError(answer.output, restarted);
      }
    } else {
      failingSince = undefined;
    }
    await waitUntilLost(
      next,
      failingSince === undefined ? DISCONNECT_MS : DISCONNECT_MS / 3,
      signal,
    );
    next.close();
  }
}

/**
 * Reads the identity of the current boot, before a restart.
 * @throws {VmbuildError} GUEST_SHELL when the guest does not report it; GUEST_LOST.
 */
export async function queryCurrentBoot(
  connection: Connection,
  signal: AbortSignal,
): Promise<BootIdentity> {
  const answer = await queryBoot(connection, signal);
  if ("boot" in answer) return answer.boot;
  throw noCommandsError(answer.output, undefined);
}

/**
 * Restarts the guest, waits until it is gone and then until it answers from another boot.
 * @throws {VmbuildError} GUEST_TIMEOUT when it does not come back in time or never shuts down;
 *   GUEST_SHELL when it comes back and runs no commands.
 */
export async function reconnectAfterReboot(options: RebootOptions): Promise<Connection> {
  const { connection, resets, timeoutMs, signal, privilege } = options;
  const before = await queryCurrentBoot(connection, signal);
  const resetsBefore = resets?.();
  const order = "(sleep 0.2; systemctl reboot || reboot || reboot -f) >/dev/null 2>&1 &";
  const { end, output } = await runQuietly(connection, order, signal, { privilege });
  requireSuccess(end, "reboot", output);
  await waitUntilLost(connection, Math.min(DISCONNECT_MS, timeoutMs), signal);
  connection.close();
  return waitForOtherBoot(options, before, resetsBefore);
}

/**
 * Reconnects to a guest that lost the connection and may have restarted.
 * @returns the new connection, once the guest runs commands on it, regardless of which boot it
 *   is.
 * @throws {VmbuildError} as {@link reconnectAfterReboot}.
 */
export async function reconnectAfterLoss(options: RestartOptions): Promise<Connection> {
  const { connection, resets } = options;
  connection.close();
  return waitForOtherBoot(options, undefined, resets?.());
}
