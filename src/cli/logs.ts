/**
 * Implements `vmbuild logs`: shows the events of a run, the guest's console, a step's output, or
 * QEMU's output.
 */
import { findRun, findStepLog, isInProgress } from "../builds/records.js";
import type { FoundRun } from "../builds/records.js";
import { VmbuildError } from "../errors.js";
import { createPlainSink } from "../events/sinks/plain.js";
import { cleanText } from "../events/sinks/text.js";
import type { Sink } from "../events/types.js";
import { readLines } from "../host/follow.js";
import { interruptible } from "./interrupt.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { parseEvent } from "./parse-event.js";

/** Flags of the command. */
export interface LogsFlags {
  readonly run?: string;
  readonly console?: boolean;
  readonly qemu?: boolean;
  readonly step?: string;
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly color?: "auto" | "always" | "never";
}

/** Returns the path of the requested file. */
async function chooseFile(found: FoundRun, flags: LogsFlags): Promise<string> {
  const asked = [flags.console, flags.qemu, flags.step !== undefined, flags.json];
  if (asked.filter(Boolean).length > 1) {
    throw new VmbuildError(
      "USAGE",
      "The options --console, --qemu, --step and --json are mutually exclusive",
    );
  }
  if (flags.console) return found.paths.console;
  if (flags.qemu) return found.paths.qemuLog;
  if (flags.step !== undefined) return findStepLog(found, flags.step);
  return found.paths.events;
}

/** Renders an event as `vmbuild run` does on a plain stream. An incomplete last line is ignored. */
function showEvent(sink: Sink, line: string): void {
  const event = parseEvent(line);
  if (event) sink.handle(event);
}

/** Returns the function for each line, and the function for the end. */
function openView(
  flags: LogsFlags,
  output: Output,
): { take: (line: string) => void; close: () => void | Promise<void> } {
  const isRaw = flags.console || flags.qemu || flags.step !== undefined || flags.json;
  if (isRaw) {
    // The guest's console must not send control sequences to the user's terminal.
    const clean = process.stdout.isTTY && !flags.json;
    return { take: (line) => output.print(clean ? cleanText(line) : line), close: () => {} };
  }
  const sink = createPlainSink({ stream: process.stdout, color: output.stdoutColor });
  return { take: (line) => showEvent(sink, line), close: () => sink.close() };
}

/** Runs the command; returns the exit code. */
export async function logs(name: string, flags: LogsFlags): Promise<number> {
  const output = createOutput({ color: flags.color });
  const found = await findRun(name, flags.run);
  const path = await chooseFile(found, flags);
  const view = openView(flags, output);
  let lines = 0;
  const take = (line: string): void => {
    lines++;
    view.take(line);
  };
  const { runId } = found.record;
  const isComplete = async (): Promise<boolean> =>
    !isInProgress((await findRun(name, runId)).record);
  const exitCode = await interruptible(async (interrupted) => {
    const signal = AbortSignal.any([interrupted, output.stdoutGone]);
    try {
      await readLines(path, take, { signal, ...(flags.follow ? { isComplete } : {}) });
      return 0;
    } catch (error) {
      if (!signal.aborted) throw error;
      // If the reader of stdout is gone, the exit code is 0.
      return interrupted.aborted ? (interrupted.reason as VmbuildError).exitCode : 0;
    }
  });
  await view.close();
  if (lines === 0 && exitCode === 0) output.log(`note: ${path} is empty`);
  return exitCode;
}
