/** Runs commands on the host as one bash script. */
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { runProgram } from "../host/programs.js";
import { Tail } from "../host/lines.js";
import { commandError } from "./run-in-guest.js";

/** Commands, and how they are run. */
export interface HostScript {
  /** Name of the commands in messages. */
  readonly what: string;
  readonly commands: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** Variables added to this process's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onLine: (line: string, stream: "stdout" | "stderr") => void;
  readonly onState?: ((state: string, stream: "stdout" | "stderr") => void) | undefined;
}

/**
 * Requires the folder in which commands run; without it, starting them would fail as if bash were
 * missing.
 */
async function requireFolder(path: string): Promise<void> {
  if ((await statIfThere(path))?.isDirectory()) return;
  throw new VmbuildError("STEP_FAILED", `The commands cannot run in ${path}: it is not a folder`, {
    hint: "Correct the path in `cwd`, or create the folder in an earlier action.",
  });
}

/**
 * Reads the whole script from standard input, so that it does not appear in an argument list, and
 * runs it with empty standard input: a command that reads input must not consume the rest of the
 * script.
 */
const READ_AND_RUN = 'eval "$(cat)" </dev/null';

/**
 * Runs commands with `set -eo pipefail` and empty standard input. Their children are ended with
 * them.
 * @throws {VmbuildError} STEP_FAILED or STEP_TIMEOUT with the last lines; HOST_PROGRAM_MISSING; the
 *   signal's own reason when it aborted.
 */
export async function runHostScript(script: HostScript): Promise<void> {
  const { what, timeoutMs, signal } = script;
  const tail = new Tail();
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    await requireFolder(script.cwd);
    const result = await runProgram("bash", ["-eo", "pipefail", "-c", READ_AND_RUN], {
      input: `${script.commands.join("\n")}\n`,
      cwd: script.cwd,
      env: script.environment,
      signal: AbortSignal.any([signal, deadline]),
      processGroup: true,
      onLine: (line, stream) => {
        tail.push(line);
        script.onLine(line, stream);
      },
      onState: script.onState,
    });
    if (result.exitCode === 0) return;
    const ended = result.signal?.replace(/^SIG/, "") ?? null;
    const end = { exitCode: result.exitCode, signal: ended, timedOut: false };
    throw commandError(what, end, timeoutMs, tail.lines);
  } catch (error) {
    signal.throwIfAborted();
    if (!deadline.aborted) throw error;
    const end = { exitCode: null, signal: null, timedOut: true };
    throw commandError(what, end, timeoutMs, tail.lines);
  }
}
