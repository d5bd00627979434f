/** Serves the process of a detached run: reports to its caller when the run has begun. */
import { closeSync, fstatSync, writeSync } from "node:fs";
import { reportError } from "../events/report.js";
import { encodeJsonLine } from "../events/sinks/ndjson.js";
import type { RunEvent, Sink } from "../events/types.js";
import { REPORT_FD } from "./detach.js";

/** Report to the caller. Only the first one counts. */
export interface CallerReport {
  /** Reports the begin of the run by its events. */
  readonly sink: Sink;
  /** Reports an error that kept the run from beginning. */
  fail(error: unknown): void;
}

function hasCaller(): boolean {
  try {
    const status = fstatSync(REPORT_FD);
    return status.isFIFO() || status.isSocket();
  } catch {
    // The process was not started by `run --detach`.
    return false;
  }
}

function send(value: object): void {
  try {
    writeSync(REPORT_FD, `${encodeJsonLine(value)}\n`);
  } catch {
    // The caller is gone, which the run is meant to survive.
  }
  closeSync(REPORT_FD);
}

/** Opens the report to the caller of this process. */
export function openCallerReport(): CallerReport {
  let isOpen = hasCaller();
  const report = (value: object): void => {
    if (isOpen) send(value);
    isOpen = false;
  };
  const take = (event: RunEvent): void => {
    if (event.type === "run.failed") report({ error: event.error });
    // By then the programs, the memory and the space of the host have been checked.
    const isReady = event.type === "phase.finished" && event.phase === "host";
    if (isReady || event.type === "run.finished") report({ begun: true });
  };
  return {
    sink: { handle: take, close: () => {} },
    fail: (error) => report({ error: reportError(error) }),
  };
}
