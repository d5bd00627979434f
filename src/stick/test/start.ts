/** Performs one start of a machine, and collects what is needed to understand its failure. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CheckResult } from "../../acceptance/run.js";
import { formatDuration } from "../../host/format.js";
import { readConsoleTail } from "../../machine/console.js";
import { encodePng } from "../../machine/png.js";
import { captureScreen } from "../../machine/screen.js";
import { startStickMachine } from "./machine.js";
import type { StartedMachine, StickStart } from "./machine.js";
import { ConsoleWatch } from "./watch.js";
import type { Seen } from "./watch.js";

/** Number of lines of the console that a failure shows. */
const SHOWN_LINES = 15;

/** Machine that was started, and the reader of its console. */
export interface Watched extends StartedMachine {
  readonly watch: ConsoleWatch;
  readonly signal: AbortSignal;
}

/** What one start is to show. */
export interface Expected {
  /** Name of the check in the report. */
  readonly check: string;
  /** Time limit. Milliseconds. */
  readonly timeoutMs: number;
  /** Returns why the start failed; undefined where it did what it was to do. */
  readonly perform: (started: Watched) => Promise<string | undefined>;
}

/** Returns the result of a check of a stick. */
export function stickResult(
  name: string,
  durationMs: number,
  failure?: { readonly reason: string; readonly lines: readonly string[] },
): CheckResult {
  const known = { name, kind: "installer" as const, durationMs, attempts: 1 };
  if (failure) return { ...known, ok: false, ...failure };
  return { ...known, ok: true, detail: formatDuration(durationMs).trim() };
}

/** Returns why a wait has ended without a text. */
export function reasonOf(seen: Extract<Seen<string>, { over: string }>, wanted: string): string {
  if (seen.over === "fatal") return `the machine cannot go on: ${seen.line}`;
  if (seen.over === "ended") return `the machine ended before ${wanted}`;
  return `the time limit was over before ${wanted}`;
}

/** Saves a picture of the screen; undefined where the machine has ended. */
async function saveScreen(
  { machine }: StartedMachine,
  { folder, label }: StickStart,
): Promise<string | undefined> {
  const path = join(folder, `${label}.png`);
  try {
    await writeFile(path, await encodePng(await captureScreen(machine, folder)), { mode: 0o600 });
    return path;
  } catch {
    // QEMU has exited, or the disk is full: the failure itself is reported without a picture.
    return undefined;
  }
}

async function failureLines(started: StartedMachine, start: StickStart): Promise<string[]> {
  const screen = await saveScreen(started, start);
  const { console } = started;
  return [
    ...(await readConsoleTail(console, SHOWN_LINES)),
    `console: ${console}`,
    ...(screen === undefined ? [] : [`screen:  ${screen}`]),
  ];
}

/**
 * Starts a machine, waits until it did what it was to do, and kills it.
 * @throws {VmbuildError} of a machine that does not start; the signal's reason.
 */
export async function performStart(
  start: StickStart,
  { check, timeoutMs, perform }: Expected,
): Promise<CheckResult> {
  const began = performance.now();
  const { signal } = start;
  const started = await startStickMachine(start);
  await using machine = started.machine;
  // Its end is what the installer does in the end.
  machine.expectEnd();
  const path = started.console;
  await using watch = new ConsoleWatch({ path, machine, timeoutMs, signal });
  const reason = await perform({ ...started, watch, signal });
  const durationMs = performance.now() - began;
  if (reason === undefined) return stickResult(check, durationMs);
  return stickResult(check, durationMs, { reason, lines: await failureLines(started, start) });
}
