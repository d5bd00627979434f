/**
 * Runs a script in the guest in one session: script and environment go in over standard input,
 * so that nothing of them shows in any argument list; the exit code comes back, and a deadline
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
import { AnswerReader, LOGIN_SHELL_HINT, Mark } from "./mark.js";

/** A script and how to run it. */
export interface GuestScript {
  readonly content: Buffer | string;
  /** The program that reads it, with arguments: `["/bin/bash"]`. */
  readonly interpreter: readonly string[];
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Milliseconds; its whole session is ended then. */
  readonly timeoutMs?: number | undefined;
  /** Run as root through sudo, for a build that logs in as somebody else. */
  readonly sudo?: boolean;
  readonly signal: AbortSignal;
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

/** How a script ended. */
export interface ScriptEnd extends ChannelEnd {
  /** Its deadline passed and it was ended for that. */
  readonly timedOut: boolean;
}

/** Where the guest keeps a script while it runs: in memory where it can, never in the image. */
const PARENTS = ["/run", "/tmp"] as const;

/**
 * Reads the environment's lines from standard input, the script from what follows, and runs it
 * with standard input empty. It starts few programs, since a guest that is emulated takes a
 * twentieth of a second for each. 97 says that there is no place for the script.
 */
function wrapper(mark: Mark, { interpreter, arguments: args = [] }: GuestScript): string {
  const { id } = mark;
  // $1, since the environment may have any name for a variable, also $f.
  const words = [...interpreter.map(shellQuote), '"$1"', ...args.map(shellQuote)];
  return [
    `umask 077; set -C; ${mark.command}`,
    `for p in ${PARENTS.join(" ")}; do f=$p/${id}; { true >"$f"; } 2>/dev/null && break; f=; done`,
    `[ -n "$f" ] || { echo "vmbuild: no place for scripts in ${PARENTS.join(" or ")}" >&2; exit 97; }`,
    `e=; while IFS= read -r l && [ "$l" != ${id} ]; do e="$e$l\n"; done`,
    `cat >>"$f" || { rm -f "$f"; exit 97; }`,
    `umask 022; set +C -- "$f"`,
    `(eval "$e" && exec ${words.join(" ")}) </dev/null`,
    `c=$?; rm -f "$f"; exit $c`,
  ].join("\n");
}

/** The environment as lines of shell, the wrapper's word for their end, and the script. */
function* wrapperInput(id: string, { environment = {}, content }: GuestScript) {
  for (const [name, value] of Object.entries(environment)) {
    yield Buffer.from(`export ${name}=${shellQuote(value)}\n`);
  }
  yield Buffer.from(`${id}\n`);
  yield Buffer.from(content);
}

/** Ends every process of the session that `$p` is of: TERM, two seconds, KILL. */
function killer(): string {
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

/** How a script is put to the guest. */
interface Session {
  /** Printed before all else, with the session's process id. */
  readonly mark: Mark;
  readonly command: string;
  readonly stdin: Readable | Buffer;
  /** What is left to do in the guest when it was ended from outside. */
  readonly tidy?: string;
}

/** What a session is told about its script. */
type SessionLimits = Pick<GuestScript, "timeoutMs" | "sudo" | "signal" | "onLine">;

/** How long the guest may take to end a session that ran out of time. */
const KILL_DEADLINE_MS = 20_000;

async function endSession(
  connection: Connection,
  pid: string,
  { tidy = "" }: Session,
  limits: SessionLimits,
): Promise<void> {
  const killing = `p=${pid}\n${killer()}\n${tidy}`;
  const signal = AbortSignal.any([limits.signal, AbortSignal.timeout(KILL_DEADLINE_MS)]);
  try {
    await runOnChannel(connection, { command: inShell(killing, limits.sudo), signal });
  } catch (error) {
    // The session may hang in the kernel, or the guest be gone; the caller stops waiting either way.
    const { message } = asVmbuildError(error);
    limits.onLine?.(`vmbuild: the remote processes could not be ended: ${message}`, "stderr");
  }
}

/** Makes the error for a command that the guest never began. */
function notBegun(end: ChannelEnd, words: readonly string[], sudo: boolean): VmbuildError {
  const lines = words.filter((line) => line.trim() !== "").slice(0, 20);
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
  const answer = new AnswerReader(session.mark);
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
      // What a login shell printed that did not run the command may say why.
      stdout.write(Buffer.from(answer.before));
      stderr.end();
      throw notBegun(end, [...early, ...answer.before.split("\n")], limits.sudo === true);
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
 * Runs a script to its end or its deadline.
 * @throws {VmbuildError} GUEST_LOST when the connection went first; the signal's reason when it
 *   aborted: the machine is about to end then, and its processes with it.
 */
export function runScript(connection: Connection, script: GuestScript): Promise<ScriptEnd> {
  const mark = new Mark();
  const session: Session = {
    mark,
    command: inShell(wrapper(mark, script), script.sudo),
    stdin: Readable.from(wrapperInput(mark.id, script)),
    tidy: `rm -f ${PARENTS.map((parent) => `${parent}/${mark.id}`).join(" ")}`,
  };
  return runSession(connection, session, script);
}

/** `over` resolves once what its passing set off is done, or the script ended first. */
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
    // The script ended first.
    () => {},
  );
  return state;
}

/**
 * Runs a short command of vmbuild's own; `lines` are standard output's, `words` all of it. The
 * shell reads it as it comes, with no file for it.
 * @param command as bytes where it has file names that are not UTF-8.
 */
export async function runQuietly(
  connection: Connection,
  command: string | Buffer,
  signal: AbortSignal,
  options: { readonly sudo?: boolean; readonly timeoutMs?: number } = {},
): Promise<{ end: ScriptEnd; lines: string[]; words: string[] }> {
  const { sudo = false, timeoutMs = 60_000 } = options;
  const lines: string[] = [];
  const words: string[] = [];
  const mark = new Mark();
  const session: Session = {
    mark,
    command: shell(sudo),
    // A shell reads all of a group before it runs it, so that nothing in it reads the rest.
    stdin: Buffer.concat([
      Buffer.from(`umask 022\n${mark.command}\n{\n`),
      typeof command === "string" ? Buffer.from(command) : command,
      Buffer.from("\n} </dev/null\n"),
    ]),
  };
  const onLine = (line: string, stream: "stdout" | "stderr"): void => {
    words.push(line);
    if (stream === "stdout") lines.push(line);
  };
  const end = await runSession(connection, session, { signal, timeoutMs, sudo, onLine });
  return { end, lines, words };
}

/** Checks that a command of vmbuild's own succeeded. */
export function requireSuccess(end: ScriptEnd, what: string, lines: readonly string[]): void {
  if (end.exitCode === 0) return;
  const how = end.timedOut ? "timed out" : `failed with ${end.signal ?? end.exitCode}`;
  throw new VmbuildError("STEP_FAILED", `${what} ${how}`, { lines: lines.slice(-20) });
}
