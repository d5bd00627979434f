/** Renders the end of a run: its result and times, or its failure. */
import { formatBytes, formatDuration } from "../../host/format.js";
import { readResult } from "../result.js";
import type { ShownResult } from "../result.js";
import type { ErrorReport, RunEvent, Sink } from "../types.js";
import { renderFailure } from "./failure.js";
import { describeDelivery } from "./delivery.js";
import { describeSkip } from "./skipped.js";
import { createStyle } from "./style.js";
import type { Style } from "./style.js";
import { cleanText, displayWidth, padText, wrapText } from "./text.js";

/** Options of a summary. */
export interface RenderOptions {
  readonly color: boolean;
  /** Width of the terminal, to which prose is wrapped. */
  readonly columns: number;
}

/** Sink that collects a run's events and renders a summary. */
export interface Summary extends Sink {
  /** Renders the text without a final newline; empty when no run has ended. */
  render(options: RenderOptions): string;
}

/** Formats the cost of a run's checkpoints. */
function savedText({ saved, removed }: RunFacts): string {
  if (saved.count === 0) return "";
  const count = saved.count === 1 ? "1 checkpoint" : `${saved.count} checkpoints`;
  const text = `; ${count}: ${formatDuration(saved.durationMs)}, ${formatBytes(saved.bytes)}`;
  if (removed.count === 0) return text;
  return `${text} (${removed.count} old removed, ${formatBytes(removed.bytes)})`;
}

/** Number of distinct warnings that are listed; further ones are only counted. */
const MAX_WARNINGS = 50;

/** Facts about a run. Durations are milliseconds. */
interface RunFacts {
  name: string;
  version: string;
  runFolder: string;
  readonly phases: Map<string, number>;
  readonly steps: { name: string; time: string; note: string }[];
  /** Cost of saving checkpoints. */
  readonly saved: { count: number; bytes: number; durationMs: number };
  /** Checkpoints that were removed to make room. */
  readonly removed: { count: number; bytes: number };
  /** True when the failed machine was saved. */
  failedState: boolean;
  /** Each distinct warning with its hint. */
  readonly warnings: Map<string, string | undefined>;
  unlistedWarnings: number;
  /** Lines about sinks that did not get all events. */
  readonly sinks: string[];
  end:
    | { readonly ok: true; durationMs: number; ownMs: number; result: ShownResult }
    | { readonly ok: false; durationMs: number; error: ErrorReport }
    | undefined;
}

/** Creates the summary of one run. Attach it to the bus, and render it after the last event. */
export function createSummary(): Summary {
  const facts: RunFacts = {
    name: "",
    version: "",
    runFolder: "",
    phases: new Map(),
    steps: [],
    saved: { count: 0, bytes: 0, durationMs: 0 },
    removed: { count: 0, bytes: 0 },
    failedState: false,
    warnings: new Map(),
    unlistedWarnings: 0,
    sinks: [],
    end: undefined,
  };
  return {
    handle: (event) => recordEvent(facts, event),
    close: () => {},
    render(options) {
      if (!facts.end) return "";
      const style = createStyle(options.color);
      const lines = facts.end.ok
        ? [...successLines(facts, facts.end, style), ...warningLines(facts, style, options.columns)]
        : [
            ...warningLines(facts, style, options.columns),
            ...renderFailure(
              {
                ...facts.end,
                name: facts.name,
                runFolder: facts.runFolder,
                kept: facts.failedState,
              },
              style,
              options.columns,
            ),
          ];
      return lines.join("\n").trim();
    },
  };
}

function recordEvent(facts: RunFacts, event: RunEvent): void {
  switch (event.type) {
    case "run.started":
      facts.name = event.name;
      facts.version = event.version;
      facts.runFolder = event.runFolder;
      break;
    case "phase.finished":
      // A phase that occurs twice (a second boot) shows its total time.
      facts.phases.set(event.phase, (facts.phases.get(event.phase) ?? 0) + event.durationMs);
      break;
    case "step.finished":
    case "step.failed": {
      const note = event.type === "step.finished" ? cleanText(event.detail ?? "") : "";
      facts.steps.push({ name: event.step, time: formatDuration(event.durationMs), note });
      break;
    }
    case "step.skipped": {
      const time = formatDuration(event.durationMs);
      facts.steps.push({ name: event.step, time, note: describeSkip(event.reason) });
      break;
    }
    case "step.kept":
      facts.steps.push({ name: event.step, time: "cached", note: "" });
      break;
    case "checkpoint.saved":
      noteCheckpoint(facts, event);
      break;
    case "checkpoint.removed":
      facts.removed.count += event.steps.length;
      facts.removed.bytes += event.bytes;
      break;
    case "checkpoint.failed":
      facts.failedState = true;
      break;
    case "warning":
      if (facts.warnings.size < MAX_WARNINGS) facts.warnings.set(event.message, event.hint);
      else if (!facts.warnings.has(event.message)) facts.unlistedWarnings++;
      break;
    case "run.finished": {
      const { durationMs, ownMs } = event;
      facts.end = { ok: true, durationMs, ownMs, result: readResult(event.result) };
      break;
    }
    case "sink.finished":
      facts.sinks.push(...describeDelivery(event));
      break;
    case "run.failed":
      facts.end = { ok: false, durationMs: event.durationMs, error: event.error };
      break;
    default:
      break;
  }
}

type CheckpointSaved = Extract<RunEvent, { type: "checkpoint.saved" }>;

function noteCheckpoint(facts: RunFacts, event: CheckpointSaved): void {
  const { step, durationMs, memoryBytes, diskBytes } = event;
  const { saved } = facts;
  saved.count++;
  saved.bytes += memoryBytes + diskBytes;
  saved.durationMs += durationMs;
  const row = facts.steps.findLast(({ name }) => name === step);
  const cost = `+ ${formatDuration(durationMs)} checkpoint, ${formatBytes(memoryBytes)}`;
  if (row && step !== "") row.note = row.note === "" ? cost : `${cost}; ${row.note}`;
}

/** Describes what a run that succeeded has done, after its name. */
function headlineOf(result: ShownResult, took: string, style: Style): string {
  const { upToDate, until, host, verifyOnly } = result;
  if (upToDate) return `is up to date ${style.dim(`(checked in ${took})`)}`;
  if (host !== undefined)
    return style.green(`${verifyOnly ? "verified" : "provisioned"} in ${took}`);
  if (until === undefined) return style.green(`built in ${took}`);
  return style.green(`stopped after ${cleanText(until)}, as asked, in ${took}`);
}

function successLines(
  facts: RunFacts,
  end: { durationMs: number; ownMs: number; result: ShownResult },
  style: Style,
): string[] {
  const title = style.bold(cleanText(`${facts.name} ${facts.version}`.trim()));
  const took = formatDuration(end.durationMs);
  const headline = `${title} ${headlineOf(end.result, took, style)}`;
  const times = end.result.upToDate ? [] : ["", ...timeTable(facts, style)];
  const own = `vmbuild's own share: ${(end.ownMs / 1000).toFixed(1)}s`;
  const image = artifactLines(facts, end.result, style);
  return [
    headline,
    ...times,
    ...(end.result.upToDate ? [] : [`  ${own}${savedText(facts)}`]),
    ...(image.length > 0 ? ["", ...image] : []),
    ...(end.result.hints.length > 0 ? [""] : []),
    ...end.result.hints.map((hint) => `  ${cleanText(hint)}`),
  ];
}

const AFTER_STEPS: ReadonlySet<string> = new Set(["seal", "shutdown", "compact"]);

/** Renders the phases with their times, and the steps below the phase that ran them. */
function timeTable(facts: RunFacts, style: Style): string[] {
  const rows: { name: string; time: string; note: string; step: boolean }[] = [];
  const steps = facts.steps.map((step) => ({ ...step, name: `  ${step.name}`, step: true }));
  let placed = false;
  for (const [name, durationMs] of facts.phases) {
    // Sealing is the first phase after the steps.
    if (!placed && AFTER_STEPS.has(name)) {
      rows.push(...steps);
      placed = true;
    }
    rows.push({ name, time: formatDuration(durationMs), note: "", step: false });
  }
  if (!placed) rows.push(...steps);
  const nameColumns = Math.max(0, ...rows.map((row) => displayWidth(cleanText(row.name))));
  const timeColumns = Math.max(0, ...rows.map((row) => row.time.length));
  return rows.map((row) => {
    const name = padText(cleanText(row.name), nameColumns);
    const text = `  ${name}  ${row.time.padStart(timeColumns)}  ${row.note}`.trimEnd();
    return row.step ? style.dim(text) : text;
  });
}

type Row = readonly [name: string, value: string, suffix?: string];

/** Returns the rows of an image: its path with its sizes, and its checksums. */
function imageRows(artifact: ShownResult["artifact"], style: Style): Row[] {
  const { path, size, virtualSize, checksums = {} } = artifact;
  const sizes = [
    ...(size === undefined ? [] : [formatBytes(size)]),
    ...(virtualSize === undefined ? [] : [`${formatBytes(virtualSize)} disk`]),
  ];
  const suffix = sizes.length === 0 ? "" : `  ${style.dim(`(${sizes.join(", ")})`)}`;
  const image: Row[] = path === undefined ? [] : [["image", path, suffix]];
  return [...image, ...Object.entries(checksums)];
}

function artifactLines(facts: RunFacts, result: ShownResult, style: Style): string[] {
  const rows: Row[] = [
    ...[result.artifact, ...result.otherArtifacts].flatMap((one) => imageRows(one, style)),
    ...(result.manifest === undefined ? [] : [["manifest", result.manifest] as [string, string]]),
    ...(result.outputs === undefined ? [] : [["outputs", result.outputs] as [string, string]]),
    ["run", result.runFolder ?? facts.runFolder],
  ];
  return rows
    .filter(([, value]) => value !== "")
    .map(([name, value, more = ""]) => {
      const shown = name === "image" ? style.bold(cleanText(value)) : cleanText(value);
      return `  ${style.dim(padText(cleanText(name), 8))}  ${shown}${more}`;
    });
}

/** Repeats the warnings, which have scrolled away in a long run. */
function warningLines(facts: RunFacts, style: Style, columns: number): string[] {
  if (facts.warnings.size + facts.sinks.length === 0) return [];
  const lines = [...facts.warnings].flatMap(([message, hint]) => [
    ...wrapText(`warning: ${cleanText(message)}`, columns - 2).map(style.yellow),
    ...(hint === undefined
      ? []
      : wrapText(cleanText(hint), columns - 2).map((line) => style.dim(`  ${line}`))),
  ]);
  const more = facts.unlistedWarnings;
  lines.push(...facts.sinks.flatMap((text) => wrapText(text, columns - 2)).map(style.yellow));
  return ["", ...lines, ...(more > 0 ? [style.yellow(`and ${more} more warnings`)] : []), ""];
}
