/** Restarts the guest, and does not take the old boot for the new one. */
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError } from "../errors.js";
import { formatDuration } from "../host/format.js";
import type { Connection } from "./connection.js";
import { requireSuccess, runQuietly } from "./script.js";

/** What a restart needs. Times are milliseconds. */
export interface RebootOptions {
  readonly connection: Connection;
  readonly connect: (timeoutMs: number, signal: AbortSignal) => Promise<Connection>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly sudo: boolean;
}

const BOOT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The kernel's id of its boot; empty when the guest did not say it. */
async function readBootId(connection: Connection, signal: AbortSignal): Promise<string> {
  const command = "cat /proc/sys/kernel/random/boot_id";
  try {
    const { lines } = await runQuietly(connection, command, signal);
    return lines.find((line) => BOOT_ID.test(line)) ?? "";
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof VmbuildError && error.code === "STEP_FAILED") return "";
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

/** Whether this is the boot from before: it may let us in once more, and end while we ask. */
async function isOldBoot(connection: Connection, before: string, signal: AbortSignal) {
  const patience = AbortSignal.timeout(ANSWER_MS);
  try {
    const found = await readBootId(connection, AbortSignal.any([signal, patience]));
    return found === "" || found === before;
  } catch (error) {
    signal.throwIfAborted();
    const gone = error instanceof VmbuildError && error.code === "GUEST_LOST";
    if (gone || patience.aborted) return true;
    throw error;
  }
}

/**
 * How long we wait for the connection to end. A guest without libpam-systemd stops its network
 * without a word to us; what answers to a new connection then shows which boot it is.
 */
const GOING_DOWN_MS = 3000;

/**
 * Tells the guest to restart, waits until it is gone and then until it answers with another
 * boot id.
 * @throws {VmbuildError} GUEST_TIMEOUT when it does not come back in time, or never goes down.
 */
export async function reconnectAfterReboot(options: RebootOptions): Promise<Connection> {
  const { connection, connect, timeoutMs, signal, sudo } = options;
  const started = performance.now();
  const before = await readBootId(connection, signal);
  const order = "(sleep 0.2; systemctl reboot || reboot) >/dev/null 2>&1 &";
  const { end, words } = await runQuietly(connection, order, signal, { sudo });
  requireSuccess(end, "reboot", words);

  await untilLost(connection, Math.min(GOING_DOWN_MS, timeoutMs), signal);
  connection.close();
  for (;;) {
    const left = timeoutMs - (performance.now() - started);
    if (left <= 0) {
      throw new VmbuildError(
        "GUEST_TIMEOUT",
        `The guest did not restart within ${formatDuration(timeoutMs)}: it still runs its old boot`,
      );
    }
    const next = await connect(Math.ceil(left), signal);
    if (!(await isOldBoot(next, before, signal))) return next;
    await untilLost(next, GOING_DOWN_MS, signal);
    next.close();
  }
}
