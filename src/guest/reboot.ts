/** Restarts the guest and makes sure that the new boot answers, not the old one. */
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError } from "../errors.js";
import { formatDuration } from "../host/format.js";
import type { Connection } from "./connection.js";
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
  readonly sudo: boolean;
}

/** Boot id of the guest, or the output it gave instead. */
type BootAnswer = { readonly boot: string } | { readonly output: readonly string[] };

const BOOT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Reads the kernel's boot id. Returns the command's output where there is no boot id in it. */
async function queryBootId(connection: Connection, signal: AbortSignal): Promise<BootAnswer> {
  try {
    const command = "cat /proc/sys/kernel/random/boot_id";
    const { lines, output } = await runQuietly(connection, command, signal);
    const boot = lines.find((line) => BOOT_ID.test(line));
    return boot === undefined ? { output } : { boot };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof VmbuildError && error.code === "GUEST_SHELL") {
      return { output: error.lines };
    }
    throw error;
  }
}

/** Waits until the connection is lost, for at most that many milliseconds. */
async function waitUntilLost(
  connection: Connection,
  milliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  const either = AbortSignal.any([signal, connection.lost]);
  await delay(milliseconds, undefined, { signal: either }).catch(() => signal.throwIfAborted());
}

/** Time limit for the boot id of a guest that has just accepted a login. Milliseconds. */
const ANSWER_MS = 20_000;

/** Same as {@link queryBootId}; undefined where the guest was lost or did not answer in time. */
async function tryQueryBootId(
  connection: Connection,
  signal: AbortSignal,
): Promise<BootAnswer | undefined> {
  const deadline = AbortSignal.timeout(ANSWER_MS);
  try {
    return await queryBootId(connection, AbortSignal.any([signal, deadline]));
  } catch (error) {
    signal.throwIfAborted();
    const gone = error instanceof VmbuildError && error.code === "GUEST_LOST";
    if (gone || deadline.aborted) return undefined;
    throw error;
  }
}

/**
 * Time to wait for the connection to end. A guest without libpam-systemd stops its network without
 * closing connections; the boot id on a new connection then shows whether it restarted.
 */
const DISCONNECT_MS = 3000;

/**
 * Time after which a guest that accepts logins but runs no commands is reported as an error. A
 * guest that is shutting down or starting up may do this for a moment.
 */
const NO_COMMANDS_MS = 20_000;

/** Returns the error for a guest that runs no commands. */
function noCommandsError(output: readonly string[], restarted: boolean | undefined): VmbuildError {
  const which = restarted === true ? "The guest restarted, and" : "The guest";
  const answered = output.length > 0 ? `its response is: ${output[0]}` : "it sends no response";
  const message = `${which} accepts the login but does not run commands; ${answered}`;
  return new VmbuildError("GUEST_SHELL", message, { lines: output.slice(0, 20) });
}

/** Waits for a guest that reports a boot id other than the previous one. */
async function waitForOtherBoot(
  options: RestartOptions,
  before: string | undefined,
  resetsBefore: number | undefined,
): Promise<Connection> {
  const { connect, resets, timeoutMs, signal } = options;
  const started = performance.now();
  let failingSince: number | undefined;
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
    const answer = await tryQueryBootId(next, signal);
    if (answer && "boot" in answer && answer.boot !== before) return next;
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
 * Restarts the guest, waits until it is gone and then until it answers with another boot id.
 * @throws {VmbuildError} GUEST_TIMEOUT when it does not come back in time or never shuts down;
 *   GUEST_SHELL when it comes back and runs no commands.
 */
export async function reconnectAfterReboot(options: RebootOptions): Promise<Connection> {
  const { connection, resets, timeoutMs, signal, sudo } = options;
  const answer = await queryBootId(connection, signal);
  if (!("boot" in answer)) throw noCommandsError(answer.output, undefined);
  const resetsBefore = resets?.();
  const order = "(sleep 0.2; systemctl reboot || reboot || reboot -f) >/dev/null 2>&1 &";
  const { end, output } = await runQuietly(connection, order, signal, { sudo });
  requireSuccess(end, "reboot", output);
  await waitUntilLost(connection, Math.min(DISCONNECT_MS, timeoutMs), signal);
  connection.close();
  return waitForOtherBoot(options, answer.boot, resetsBefore);
}

/** Reads the boot id of the guest; undefined where the guest does not report one. */
export async function readBootId(
  connection: Connection,
  signal: AbortSignal,
): Promise<string | undefined> {
  const answer = await tryQueryBootId(connection, signal);
  return answer && "boot" in answer ? answer.boot : undefined;
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
