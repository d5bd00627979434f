/**
 * Starts a run in a process of its own (`vmbuild run --detach`), and returns when it has begun: when
 * its host is known to be ready, or it has failed before.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { z } from "zod";
import { buildPaths, makeRunId, readRecord, runPaths } from "../builds/workspace.js";
import type { RunPaths } from "../builds/workspace.js";
import { ERRORS, VmbuildError } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import { makePrivateFolder } from "../host/files.js";
import { survivingCommand } from "../host/own-session.js";
import { interruptible } from "./interrupt.js";
import type { Output } from "./output.js";

/** File descriptor on which the run's process reports that it has begun, or why it failed. */
export const REPORT_FD = 3;

/** Last lines of the process's own output that an error shows. */
const TAIL_LINES = 20;

const errorSchema = z.object({
  code: z.string().refine((code): code is ErrorCode => Object.hasOwn(ERRORS, code)),
  message: z.string(),
  hint: z.string(),
  lines: z.array(z.string()),
  details: z.record(z.string(), z.unknown()),
});

/** What the run's process reports, as one line of JSON. */
const reportSchema = z.union([
  z.object({ begun: z.literal(true) }),
  z.object({ error: errorSchema }),
]);

/** Run that has begun in a process of its own. */
interface DetachedRun {
  readonly runId: string;
  readonly pid: number;
  readonly paths: RunPaths;
}

/** Returns the error for a process that ended without a report, with its last output. */
async function silentEnd(child: ChildProcess, log: string): Promise<VmbuildError> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  const text = await readFile(log, "utf8").catch(() => ""); // It may have been removed.
  return new VmbuildError("RUN_KILLED", "The process of the run ended before the run began", {
    lines: text.trimEnd().split("\n").slice(-TAIL_LINES),
    details: { exitCode: child.exitCode, signal: child.signalCode },
  });
}

/** Time in which the last bytes of a process that has ended arrive. Milliseconds. */
const LAST_BYTES_MS = 1000;

/**
 * Reads the report of the run's process, one line of JSON; undefined when it ended without one.
 * Programs that it has started may keep the descriptor open, so the end of the stream is not awaited.
 */
async function readReport(child: ChildProcess): Promise<unknown> {
  // The descriptor is a stream, because it is spawned as a pipe.
  const stream = child.stdio[REPORT_FD] as Readable;
  let text = "";
  await new Promise<void>((resolve) => {
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text.includes("\n")) resolve();
    });
    stream.once("end", resolve).once("error", () => resolve());
    child.once("exit", () => setTimeout(resolve, LAST_BYTES_MS).unref());
  });
  stream.destroy();
  try {
    return JSON.parse(text);
  } catch {
    // The process ended before, or while, it reported.
    return undefined;
  }
}

async function waitForBegin(child: ChildProcess, log: string): Promise<void> {
  const report = reportSchema.safeParse(await readReport(child));
  if (!report.success) throw await silentEnd(child, log);
  if ("begun" in report.data) return;
  const { code, message, ...more } = report.data.error;
  throw new VmbuildError(code, message, more);
}

/** Starts this program again with the same arguments, as the process of the run. */
async function start(runId: string, log: string, output: Output): Promise<ChildProcess> {
  const [main = "", command = "run", ...args] = process.argv.slice(1);
  const own = [...process.execArgv, main, command, "--detached-run", runId, ...args];
  const {
    file,
    args: words,
    warning,
  } = await survivingCommand(`vmbuild-${runId}`, process.execPath, own);
  if (warning !== undefined) output.log(`warning: ${warning}.`);
  const handle = await open(log, "a", 0o600);
  try {
    const stdio = ["ignore", handle.fd, handle.fd, "pipe"] as const;
    const child = spawn(file, words, { detached: true, stdio: [...stdio] });
    await once(child, "spawn");
    child.unref();
    return child;
  } finally {
    await handle.close();
  }
}

/**
 * Starts a run of this command line in a process of its own.
 * @throws {VmbuildError} the error of a run that could not begin.
 */
async function startDetached(name: string, output: Output): Promise<DetachedRun> {
  const runId = makeRunId(new Date());
  const paths = runPaths(buildPaths(name), runId);
  await makePrivateFolder(paths.folder);
  const log = join(paths.folder, "process.log");
  try {
    const child = await start(runId, log, output);
    await interruptible(async (signal) => {
      // A caller that is interrupted has no id yet by which the run could be ended later.
      const end = (): void => void child.kill("SIGTERM");
      signal.addEventListener("abort", end, { once: true });
      try {
        await waitForBegin(child, log);
      } finally {
        signal.removeEventListener("abort", end);
        // What the process reports then is a consequence.
        signal.throwIfAborted();
      }
    });
    return { runId, pid: child.pid ?? 0, paths };
  } catch (error) {
    // A run that never began leaves no trace; one that failed later has a record.
    if (!(await readRecord(paths.record))) await rm(paths.folder, { recursive: true, force: true });
    throw error;
  }
}

/** Starts a run in a process of its own and prints its id; returns the exit code. */
export async function detach(name: string, json: boolean, output: Output): Promise<number> {
  const { runId, pid, paths } = await startDetached(name, output);
  const expiresAt = (await readRecord(paths.record))?.expiresAt;
  if (json) {
    const runFolder = paths.folder;
    output.printJson({ name, runId, pid, runFolder, ...(expiresAt ? { expiresAt } : {}) });
    return 0;
  }
  output.print(runId);
  const until = expiresAt === undefined ? "" : `, until ${expiresAt} at the latest`;
  output.log(`${name} runs in the background as process ${pid}${until}.`);
  output.log(`Follow it: vmbuild attach ${name}. End it: vmbuild stop ${name}.`);
  return 0;
}
