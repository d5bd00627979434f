/**
 * Runs a script in the guest in a session of its own. Script and environment are sent over standard
 * input, so that they do not appear in any argument list. The exit code is returned, and a deadline
 * ends every process of the session.
 */
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { LineSplitter } from "../host/lines.js";
import { runOnChannel } from "./channel.js";
import type { ChannelEnd } from "./open-channel.js";
import type { Connection } from "./connection.js";
import { commandLine, shellProgram } from "./launcher.js";
import type { Privilege } from "./launcher.js";
import { MarkedOutput, LOGIN_SHELL_HINT, OutputMarker } from "./output-marker.js";
import { parseProblem, scriptProblemError } from "./script-problem.js";
import type { ScriptProblem } from "./script-problem.js";
import { PARENTS } from "./wrapped-script.js";
import type { WrappedScript } from "./wrapped-script.js";
import { killScript, wrapperInput, wrapperScript } from "./wrapper.js";

/** Script, how to run it, and its limits. */
export interface GuestScript extends WrappedScript {
  /** Time limit in milliseconds, after which the whole session is ended. */
  readonly timeoutMs?: number | undefined;
  /** How the script becomes root; by default the login user is root. */
  readonly privilege?: Privilege;
  readonly signal: AbortSignal;
  /**
   * Ends the script's processes when the signal aborts, for a machine that goes on after the run.
   * The machine of a build is about to end itself.
   */
  readonly endOnAbort?: boolean | undefined;
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /**
   * Called with the states of a line that the script overwrites, such as a progress bar; `onLine`
   * gets the last one. Without it, each state is a line.
   */
  readonly onState?: ((state: string, stream: "stdout" | "stderr") => void) | undefined;
}

/** End of a script. */
export interface ScriptEnd extends ChannelEnd {
  /** True when the script was ended because its time limit passed. */
  readonly timedOut: boolean;
}

/** One execution of a script in the guest. */
interface Session {
  /** Marker that is printed first, with the session's process id. */
  readonly marker: OutputMarker;
  readonly command: string;
  readonly stdin: Readable | Buffer;
  /** Shell commands that clean up in the guest when the session was ended from outside. */
  readonly cleanup?: string;
}

/** Limits and callbacks of a session. */
type SessionLimits = Pick<
  GuestScript,
  "timeoutMs" | "privilege" | "signal" | "endOnAbort" | "onLine" | "onState"
>;

/** Time for the guest to end a session that exceeded its time limit. Milliseconds. */
const KILL_DEADLINE_MS = 20_000;

async function endSession(
  connection: Connection,
  pid: string,
  { cleanup = "" }: Session,
  limits: SessionLimits,
): Promise<void> {
  const killing = `p=${pid}\n${killScript()}\n${cleanup}`;
  const signal = AbortSignal.any([limits.signal, AbortSignal.timeout(KILL_DEADLINE_MS)]);
  try {
    await runOnChannel(connection, {
      command: commandLine(killing, limits.privilege ?? "root"),
      signal,
    });
  } catch (error) {
    // The session may hang in the kernel, or the guest may be gone. The caller stops waiting either
    // way.
    const { message } = asVmbuildError(error);
    limits.onLine?.(`vmbuild: the remote processes could not be ended: ${message}`, "stderr");
  }
}

/** Returns the error for a command that never started. */
function notStartedError(
  end: ChannelEnd,
  output: readonly string[],
  privilege: Privilege,
): VmbuildError {
  const lines = output.filter((line) => line.trim() !== "").slice(0, 20);
  const isRefused = lines.some((line) => line.startsWith(`${privilege}: `));
  const who = isRefused
    ? `${privilege} no longer runs commands for the build's user`
    : "The guest does not run commands";
  const how = end.signal === null ? `exit code ${end.exitCode}` : `SIG${end.signal}`;
  return new VmbuildError(
    "GUEST_SHELL",
    `${who}; its output is: ${lines[0] ?? "(empty)"} (${how})`,
    {
      lines,
      hint: isRefused
        ? `vmbuild requires ${privilege} without a password until the seal, after the last step.`
        : LOGIN_SHELL_HINT,
    },
  );
}

async function runSession(
  connection: Connection,
  session: Session,
  limits: SessionLimits,
): Promise<ScriptEnd> {
  const answer = new MarkedOutput(session.marker);
  const early: string[] = [];
  const { onState } = limits;
  const statesOf = (stream: "stdout" | "stderr") =>
    onState && ((state: string): void => onState(state, stream));
  const stdout = new LineSplitter((line) => limits.onLine?.(line, "stdout"), statesOf("stdout"));
  const stderr = new LineSplitter((line) => {
    if (answer.pid === undefined && early.length < 20) early.push(line);
    limits.onLine?.(line, "stderr");
  }, statesOf("stderr"));
  const over = new AbortController();
  const finished = new AbortController();
  const deadline = startDeadline(limits.timeoutMs, finished.signal, async () => {
    if (answer.pid !== undefined) await endSession(connection, answer.pid, session, limits);
    over.abort();
  });
  try {
    const end = await runOnChannel(connection, {
      command: session.command,
      stdin: session.stdin,
      onStdout: (chunk) => stdout.write(answer.take(chunk)),
      onStderr: (chunk) => stderr.write(chunk),
      signal: AbortSignal.any([limits.signal, over.signal]),
    });
    if (deadline.passed) await deadline.over;
    else if (answer.pid === undefined) {
      // The output of a login shell that did not run the command may say why.
      stdout.write(Buffer.from(answer.before));
      stderr.end();
      throw notStartedError(
        end,
        [...early, ...answer.before.split("\n")],
        limits.privilege ?? "root",
      );
    }
    return { ...end, timedOut: deadline.passed };
  } catch (error) {
    if (deadline.passed && !limits.signal.aborted && !connection.lost.aborted) {
      await deadline.over;
      return { exitCode: null, signal: null, timedOut: true };
    }
    const mustEnd = limits.endOnAbort === true && limits.signal.aborted;
    if (mustEnd && answer.pid !== undefined && !connection.lost.aborted) {
      const { signal } = new AbortController();
      await endSession(connection, answer.pid, session, { ...limits, signal });
    }
    throw error;
  } finally {
    finished.abort();
    stdout.end();
    stderr.end();
  }
}

/**
 * Runs a script to its end or to its deadline.
 * @throws {VmbuildError} STEP_FAILED when the guest does not have the interpreter, the user or the
 *   working directory; GUEST_LOST when the connection was lost first; the signal's reason when it
 *   aborted, in which case the processes of the script end with the machine, or at once with
 *   `endOnAbort`.
 */
export async function runScript(connection: Connection, script: GuestScript): Promise<ScriptEnd> {
  const marker = new OutputMarker();
  const session: Session = {
    marker,
    command: commandLine(wrapperScript(marker, script), script.privilege ?? "root"),
    stdin: Readable.from(wrapperInput(marker.id, script)),
    cleanup: `rm -f ${PARENTS.map((parent) => `${parent}/${marker.id}`).join(" ")}`,
  };
  let problem: ScriptProblem | undefined;
  const onLine: GuestScript["onLine"] = (line, stream) => {
    const reported = parseProblem(marker, line);
    if (reported === undefined) script.onLine?.(line, stream);
    else problem = reported;
  };
  const end = await runSession(connection, session, { ...script, onLine });
  if (problem !== undefined) throw scriptProblemError(problem, script);
  return end;
}

/**
 * Starts the timer of a script. `over` resolves when the session was ended, or when the script
 * ended first.
 */
function startDeadline(
  milliseconds: number | undefined,
  finished: AbortSignal,
  onPassed: () => Promise<void>,
): { readonly passed: boolean; readonly over: Promise<void> } {
  const state = { passed: false, over: Promise.resolve() };
  if (milliseconds === undefined) return state;
  state.over = delay(milliseconds, undefined, { signal: finished }).then(
    () => {
      state.passed = true;
      return onPassed();
    },
    // The script ended before its deadline.
    () => {},
  );
  return state;
}

/**
 * Runs a short internal command. `lines` is its standard output, `output` both streams. The shell
 * reads the command from standard input, so that no file is needed.
 * @param command a buffer where it contains file names that are not UTF-8.
 */
export async function runQuietly(
  connection: Connection,
  command: string | Buffer,
  signal: AbortSignal,
  options: { readonly privilege?: Privilege; readonly timeoutMs?: number } = {},
): Promise<{ end: ScriptEnd; lines: string[]; output: string[] }> {
  const { privilege = "root", timeoutMs = 60_000 } = options;
  const lines: string[] = [];
  const output: string[] = [];
  const marker = new OutputMarker();
  const session: Session = {
    marker,
    command: shellProgram(privilege),
    // A shell reads a whole group before it runs it, so no command in it can read the rest of the
    // input.
    stdin: Buffer.concat([
      Buffer.from(`umask 022\n${marker.command}\n{\n`),
      typeof command === "string" ? Buffer.from(command) : command,
      Buffer.from("\n} </dev/null\n"),
    ]),
  };
  const onLine = (line: string, stream: "stdout" | "stderr"): void => {
    output.push(line);
    if (stream === "stdout") lines.push(line);
  };
  const end = await runSession(connection, session, { signal, timeoutMs, privilege, onLine });
  return { end, lines, output };
}

/** Checks that an internal command succeeded. */
export function requireSuccess(end: ScriptEnd, what: string, lines: readonly string[]): void {
  if (end.exitCode === 0) return;
  const how = end.timedOut ? "timed out" : `failed with ${end.signal ?? end.exitCode}`;
  throw new VmbuildError("STEP_FAILED", `${what} ${how}`, { lines: lines.slice(-20) });
}
