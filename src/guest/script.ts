/**
 * Runs a script in the guest in a session of its own. Script and environment are sent over standard
 * input, so that they do not appear in any argument list. The exit code is returned, and a deadline
 * ends every process of the session.
 */
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { LineSplitter } from "../host/lines.js";
import { shellQuote } from "../host/programs.js";
import { runOnChannel } from "./channel.js";
import type { ChannelEnd } from "./channel.js";
import type { Connection } from "./connection.js";
import { MarkedOutput, LOGIN_SHELL_HINT, OutputMarker } from "./output-marker.js";

/** Script and how to run it. */
export interface GuestScript {
  readonly content: Buffer | string;
  /** Program that reads the script, with arguments: `["/bin/bash"]`. */
  readonly interpreter: readonly string[];
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Time limit in milliseconds, after which the whole session is ended. */
  readonly timeoutMs?: number | undefined;
  /** Runs as root through sudo, for a build that logs in as another user. */
  readonly sudo?: boolean;
  readonly signal: AbortSignal;
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

/** End of a script. */
export interface ScriptEnd extends ChannelEnd {
  /** True when the script was ended because its time limit passed. */
  readonly timedOut: boolean;
}

/** Folders for a script while it runs: in memory where possible, and never in the image. */
const PARENTS = ["/run", "/tmp"] as const;

/**
 * Shell script that reads the environment's lines and then the script from standard input, and runs
 * the script with empty standard input. It starts few programs, because an emulated guest takes a
 * twentieth of a second for each. Exit code 97 means that there is no place for the script.
 */
function wrapperScript(
  marker: OutputMarker,
  { interpreter, arguments: args = [] }: GuestScript,
): string {
  const { id } = marker;
  // The script's path is in $1, because any variable name, such as $f, may occur in the
  // environment.
  const command = [...interpreter.map(shellQuote), '"$1"', ...args.map(shellQuote)];
  return [
    `umask 077; set -C; ${marker.command}`,
    `for p in ${PARENTS.join(" ")}; do f=$p/${id}; { true >"$f"; } 2>/dev/null && break; f=; done`,
    `[ -n "$f" ] || { echo "vmbuild: no place for scripts in ${PARENTS.join(" or ")}" >&2; exit 97; }`,
    `e=; while IFS= read -r l && [ "$l" != ${id} ]; do e="$e$l\n"; done`,
    `cat >>"$f" || { rm -f "$f"; exit 97; }`,
    `umask 022; set +C -- "$f"`,
    `(eval "$e" && exec ${command.join(" ")}) </dev/null`,
    `c=$?; rm -f "$f"; exit $c`,
  ].join("\n");
}

/** Yields the environment as shell lines, the end marker of the wrapper, and the script. */
function* wrapperInput(id: string, { environment = {}, content }: GuestScript) {
  for (const [name, value] of Object.entries(environment)) {
    yield Buffer.from(`export ${name}=${shellQuote(value)}\n`);
  }
  yield Buffer.from(`${id}\n`);
  yield Buffer.from(content);
}

/** Shell script that ends every process of the session of `$p`: SIGTERM, two seconds, SIGKILL. */
function killScript(): string {
  const each = `for f in /proc/[0-9]*/stat; do
    { read -r l <"$f"; } 2>/dev/null || continue
    set -- \${l##*) }
    [ "$4" = "$s" ] && echo "\${l%% *}"
  done`;
  return [
    `read -r l <"/proc/$p/stat" || exit 0; set -- \${l##*) }; s=$4`,
    `of_session() { ${each}; }`,
    `kill -TERM $(of_session) 2>/dev/null`,
    `n=0; while [ $n -lt 20 ] && [ -n "$(of_session)" ]; do sleep 0.1; n=$((n+1)); done`,
    `p=$(of_session); [ -z "$p" ] || kill -KILL $p`,
  ].join("\n");
}

const shell = (sudo: boolean | undefined): string =>
  sudo === true ? "exec sudo -n /bin/sh" : "exec /bin/sh";

const inShell = (command: string, sudo: boolean | undefined): string =>
  `${shell(sudo)} -c ${shellQuote(command)}`;

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
type SessionLimits = Pick<GuestScript, "timeoutMs" | "sudo" | "signal" | "onLine">;

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
    await runOnChannel(connection, { command: inShell(killing, limits.sudo), signal });
  } catch (error) {
    // The session may hang in the kernel, or the guest may be gone. The caller stops waiting either
    // way.
    const { message } = asVmbuildError(error);
    limits.onLine?.(`vmbuild: the remote processes could not be ended: ${message}`, "stderr");
  }
}

/** Returns the error for a command that never started. */
function notStartedError(end: ChannelEnd, output: readonly string[], sudo: boolean): VmbuildError {
  const lines = output.filter((line) => line.trim() !== "").slice(0, 20);
  const isSudo = sudo && lines.some((line) => line.startsWith("sudo: "));
  const who = isSudo
    ? "sudo no longer runs commands for the build's user"
    : "The guest does not run commands";
  const how = end.signal === null ? `exit code ${end.exitCode}` : `SIG${end.signal}`;
  return new VmbuildError(
    "GUEST_SHELL",
    `${who}; its output is: ${lines[0] ?? "(empty)"} (${how})`,
    {
      lines,
      hint: isSudo
        ? "vmbuild requires sudo without a password until the seal, after the last step."
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
  const stdout = new LineSplitter((line) => limits.onLine?.(line, "stdout"));
  const stderr = new LineSplitter((line) => {
    if (answer.pid === undefined && early.length < 20) early.push(line);
    limits.onLine?.(line, "stderr");
  });
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
      throw notStartedError(end, [...early, ...answer.before.split("\n")], limits.sudo === true);
    }
    return { ...end, timedOut: deadline.passed };
  } catch (error) {
    if (deadline.passed && !limits.signal.aborted && !connection.lost.aborted) {
      await deadline.over;
      return { exitCode: null, signal: null, timedOut: true };
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
 * @throws {VmbuildError} GUEST_LOST when the connection was lost first; the signal's reason when
 *   it aborted, in which case the machine is about to end and its processes with it.
 */
export function runScript(connection: Connection, script: GuestScript): Promise<ScriptEnd> {
  const marker = new OutputMarker();
  const session: Session = {
    marker,
    command: inShell(wrapperScript(marker, script), script.sudo),
    stdin: Readable.from(wrapperInput(marker.id, script)),
    cleanup: `rm -f ${PARENTS.map((parent) => `${parent}/${marker.id}`).join(" ")}`,
  };
  return runSession(connection, session, script);
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
  options: { readonly sudo?: boolean; readonly timeoutMs?: number } = {},
): Promise<{ end: ScriptEnd; lines: string[]; output: string[] }> {
  const { sudo = false, timeoutMs = 60_000 } = options;
  const lines: string[] = [];
  const output: string[] = [];
  const marker = new OutputMarker();
  const session: Session = {
    marker,
    command: shell(sudo),
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
  const end = await runSession(connection, session, { signal, timeoutMs, sudo, onLine });
  return { end, lines, output };
}

/** Checks that an internal command succeeded. */
export function requireSuccess(end: ScriptEnd, what: string, lines: readonly string[]): void {
  if (end.exitCode === 0) return;
  const how = end.timedOut ? "timed out" : `failed with ${end.signal ?? end.exitCode}`;
  throw new VmbuildError("STEP_FAILED", `${what} ${how}`, { lines: lines.slice(-20) });
}
