/** Asks the guest for pending changes that affect the connection. */
import type { Connection } from "./connection.js";
import type { Privilege } from "./launcher.js";
import { runQuietly } from "./script.js";
import { parseSystemState, systemStateScript } from "./system-state.js";
import type { SystemState } from "./system-state.js";

/** How the guest is asked. */
export interface StateQuestion {
  /** User that logs in. */
  readonly user: string;
  readonly privilege: Privilege;
  /** Command to run before the question about a shutdown, which saves a separate command. */
  readonly first?: string;
  /** Milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Reads whether the guest is about to shut down and whether a new login would fail.
 * @throws {VmbuildError} GUEST_LOST; GUEST_SHELL when the guest no longer runs commands.
 */
export async function readSystemState(
  connection: Connection,
  { user, privilege, first = "", timeoutMs }: StateQuestion,
  signal: AbortSignal,
): Promise<SystemState> {
  const command = systemStateScript(user, first);
  const { end, lines } = await runQuietly(connection, command, signal, { privilege, timeoutMs });
  const systemState = parseSystemState(lines);
  // A signal ends this harmless command only when the system is shutting down.
  const isKilled =
    end.signal !== null && !end.timedOut && systemState.pendingShutdown === undefined;
  return isKilled
    ? { ...systemState, pendingShutdown: { kind: "unknown", at: undefined } }
    : systemState;
}
