/** Follows a restart that a script in the guest starts by itself. */
import { VmbuildError } from "../errors.js";
import { formatDuration } from "../host/format.js";
import { isOtherBoot } from "./boot-identity.js";
import type { BootAnswer, BootIdentity } from "./boot-identity.js";
import type { Connection } from "./connection.js";
import { readSystemState } from "./read-system-state.js";
import type { StateQuestion } from "./read-system-state.js";
import {
  noCommandsError,
  restartTimeoutError,
  tryQueryBoot,
  waitForOtherBoot,
  waitUntilLost,
} from "./reboot.js";
import type { RestartOptions } from "./reboot.js";
import { PARENTS } from "./wrapped-script.js";
import { describeShutdown } from "./system-state.js";
import type { SystemState } from "./system-state.js";

/** Options of {@link followRestart}. */
export interface OwnRestartOptions extends RestartOptions {
  /** Boot that the script was started in. */
  readonly before: BootIdentity;
  /** Number of machine resets when the script was started. */
  readonly resetsBefore: number | undefined;
  readonly question: StateQuestion;
  /**
   * Time limit for a guest that shows no sign of a restart: it answers from the same boot, and no
   * shutdown is pending. By default a minute, and at most half of `timeoutMs`. Milliseconds.
   */
  readonly quietMs?: number;
}

/**
 * Longest default of `quietMs`. A system whose init reports no pending shutdown, such as busybox, takes
 * seconds until it stops; others show that they are stopping.
 */
const QUIET_MS = 60_000;

/** Pause between two questions. Milliseconds. */
const POLL_MS = 1000;

/** Shell command that removes scripts which a restart has ended, where `/run` is not in memory. */
export const REMOVE_ENDED_SCRIPTS = `rm -f ${PARENTS.map(
  (parent) => `${parent}/vmbuild-${"[0-9a-f]".repeat(12)}`,
).join(" ")}`;

/** Returns the pending shutdown; `unknown` where the guest is lost meanwhile. */
async function pendingShutdown(
  connection: Connection,
  { question, signal }: OwnRestartOptions,
): Promise<SystemState["pendingShutdown"]> {
  try {
    return (await readSystemState(connection, question, signal)).pendingShutdown;
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof VmbuildError ? error.code : undefined;
    if (code === "GUEST_LOST") return { kind: "unknown", at: undefined };
    if (code === "GUEST_SHELL") return undefined;
    throw error;
  }
}

/** Returns the error for a guest that shows no sign of a restart. */
function quietError(answer: BootAnswer | undefined, quietMs: number): VmbuildError {
  if (answer && "output" in answer) return noCommandsError(answer.output, undefined);
  return new VmbuildError(
    "STEP_FAILED",
    `The guest did not restart within ${formatDuration(quietMs)} after the script ended`,
    { hint: 'Leave out "expectReboot" for a script that does not restart the guest by itself.' },
  );
}

/**
 * Waits until a guest that a script restarts answers from another boot. The script may have ended,
 * with or without success, or the connection may have been lost.
 * @throws {VmbuildError} STEP_FAILED when the guest does not begin to restart; GUEST_LOST when it
 *   powers off instead; GUEST_TIMEOUT when it does not come back in time; GUEST_SHELL when it runs
 *   no commands.
 */
export async function followRestart(options: OwnRestartOptions): Promise<Connection> {
  const { before, resetsBefore, resets, connect, timeoutMs, signal } = options;
  const { quietMs = Math.min(QUIET_MS, timeoutMs / 2) } = options;
  const deadline = performance.now() + timeoutMs;
  let { connection } = options;
  let quietSince = performance.now();
  for (;;) {
    const left = Math.ceil(deadline - performance.now());
    if (left <= 0) throw restartTimeoutError(timeoutMs, false);
    if (resetsBefore !== undefined && (resets?.() ?? 0) > resetsBefore) {
      connection.close();
      return waitForOtherBoot({ ...options, timeoutMs: left }, before, resetsBefore);
    }
    if (connection.lost.aborted) connection = await connect(left, signal);
    const answer = await tryQueryBoot(connection, signal);
    if (answer && "boot" in answer && isOtherBoot(before, answer.boot)) return connection;
    const pending = await pendingShutdown(connection, options);
    if (pending?.kind === "poweroff" || pending?.kind === "halt") {
      const message = `The guest is ${describeShutdown(pending)} in place of restarting`;
      throw new VmbuildError("GUEST_LOST", message, { details: { ending: pending.kind } });
    }
    if (pending) quietSince = performance.now();
    if (performance.now() - quietSince >= quietMs) throw quietError(answer, quietMs);
    await waitUntilLost(connection, Math.min(POLL_MS, quietMs), signal);
    // A guest may stop its network without closing the connection.
    if (answer === undefined && !connection.lost.aborted) {
      connection.close();
      connection = await connect(Math.max(1, deadline - performance.now()), signal);
    }
  }
}
