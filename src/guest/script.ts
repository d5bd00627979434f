/**
 * Runs a script in the guest in one session: script and environment go in over standard input,
 * so that nothing of them shows in any argument list; the exit code comes back, and a deadline
 * ends every process of the session.
 */
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { pack } from "tar-stream";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { LineSplitter } from "../host/lines.js";
import { shellQuote } from "../host/programs.js";
import { runOnChannel } from "./channel.js";
import type { ChannelEnd } from "./channel.js";
import type { Connection } from "./connection.js";

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
 * Unpacks standard input into a private folder and runs what is in it, with standard input
 * empty. 97 says that the folder could not be made.
 */
function wrapper(id: string, { interpreter, arguments: args = [] }: GuestScript): string {
  // $1, since the environment may have any name for a variable, also $d.
  const words = [...interpreter.map(shellQuote), `"$1/script"`, ...args.map(shellQuote)];
  return [
    "umask 077",
    `for p in ${PARENTS.join(" ")}; do d=$p/${id}; mkdir -m 700 "$d" 2>/dev/null && break; d=; done`,
    `[ -n "$d" ] || { echo "vmbuild: no folder for scripts in ${PARENTS.join(" or ")}" >&2; exit 97; }`,
    `echo $$ >"$d/pid"`,
    // -m: the guest's clock may be behind, and tar would complain about the future.
    `tar -xmf - -C "$d" || { rm -rf "$d"; exit 97; }`,
    `umask 022; set -- "$d"`,
    `(. "$1/environment" && exec ${words.join(" ")}) </dev/null`,
    `c=$?; rm -rf "$d"; exit $c`,
  ].join("\n");
}

/** Ends every process of the session in which the wrapper runs: TERM, two seconds, KILL. */
function killer(id: string): string {
  const each = `for f in /proc/[0-9]*/stat; do
    { read -r l <"$f"; } 2>/dev/null || continue
    set -- \${l##*) }
    [ "$4" = "$s" ] && echo "\${l%% *}"
  done`;
  return [
    `for d in ${PARENTS.map((parent) => `${parent}/${id}`).join(" ")}; do [ -d "$d" ] && break; done`,
    `p=$(cat "$d/pid") || exit 0`,
    `read -r l <"/proc/$p/stat" || exit 0; set -- \${l##*) }; s=$4`,
    `of_session() { ${each}; }`,
    `kill -TERM $(of_session) 2>/dev/null`,
    `n=0; while [ $n -lt 20 ] && [ -n "$(of_session)" ]; do sleep 0.1; n=$((n+1)); done`,
    `p=$(of_session); [ -n "$p" ] && kill -KILL $p`,
    `rm -rf "$d"`,
  ].join("\n");
}

function packScript(script: GuestScript): Readable {
  const lines = Object.entries(script.environment ?? {}).map(
    ([name, value]) => `export ${name}=${shellQuote(value)}\n`,
  );
  const archive = pack();
  archive.entry({ name: "environment", mode: 0o600 }, lines.join(""));
  archive.entry({ name: "script", mode: 0o700 }, Buffer.from(script.content));
  archive.finalize();
  return Readable.from(archive);
}

const asRoot = (command: string, sudo: boolean | undefined): string =>
  `${sudo === true ? "exec sudo -n" : "exec"} /bin/sh -c ${shellQuote(command)}`;

/** How long the guest may take to end a session that ran out of time. */
const KILL_DEADLINE_MS = 20_000;

async function endSession(connection: Connection, id: string, script: GuestScript): Promise<void> {
  const signal = AbortSignal.any([script.signal, AbortSignal.timeout(KILL_DEADLINE_MS)]);
  try {
    await runOnChannel(connection, { command: asRoot(killer(id), script.sudo), signal });
  } catch (error) {
    // The session may hang in the kernel, or the guest be gone; the caller stops waiting either way.
    const { message } = asVmbuildError(error);
    script.onLine?.(`vmbuild: the remote processes could not be ended: ${message}`, "stderr");
  }
}

/**
 * Runs a script to its end or its deadline.
 * @throws {VmbuildError} GUEST_LOST when the connection went first; the signal's reason when it
 *   aborted: the machine is about to end then, and its processes with it.
 */
export async function runScript(connection: Connection, script: GuestScript): Promise<ScriptEnd> {
  const id = `vmbuild-${randomBytes(6).toString("hex")}`;
  const stdout = new LineSplitter((line) => script.onLine?.(line, "stdout"));
  const stderr = new LineSplitter((line) => script.onLine?.(line, "stderr"));
  const over = new AbortController();
  const finished = new AbortController();
  const deadline = startDeadline(script.timeoutMs, finished.signal, async () => {
    await endSession(connection, id, script);
    over.abort();
  });
  try {
    const end = await runOnChannel(connection, {
      command: asRoot(wrapper(id, script), script.sudo),
      stdin: packScript(script),
      onStdout: (chunk) => stdout.write(chunk),
      onStderr: (chunk) => stderr.write(chunk),
      signal: AbortSignal.any([script.signal, over.signal]),
    });
    if (deadline.passed) await deadline.over;
    return { ...end, timedOut: deadline.passed };
  } catch (error) {
    if (deadline.passed && !script.signal.aborted && !connection.lost.aborted) {
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

/** Runs a short command of vmbuild's own; `lines` are standard output's, `words` all of it. */
export async function runQuietly(
  connection: Connection,
  command: string,
  signal: AbortSignal,
  options: { readonly sudo?: boolean; readonly timeoutMs?: number } = {},
): Promise<{ end: ScriptEnd; lines: string[]; words: string[] }> {
  const lines: string[] = [];
  const words: string[] = [];
  const end = await runScript(connection, {
    content: command,
    interpreter: ["/bin/sh"],
    signal,
    timeoutMs: options.timeoutMs ?? 60_000,
    sudo: options.sudo ?? false,
    onLine(line, stream) {
      words.push(line);
      if (stream === "stdout") lines.push(line);
    },
  });
  return { end, lines, words };
}

/** Checks that a command of vmbuild's own succeeded. */
export function requireSuccess(end: ScriptEnd, what: string, lines: readonly string[]): void {
  if (end.exitCode === 0) return;
  const how = end.timedOut ? "ran out of time" : `ended with ${end.signal ?? end.exitCode}`;
  throw new VmbuildError("STEP_FAILED", `${what} ${how}`, { lines: lines.slice(-20) });
}
