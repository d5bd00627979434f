/** What is said at the end of a run: what it made and how long it took, or why it failed. */
import { formatBytes, formatDuration } from "../../host/format.js";
import { readResult } from "../result.js";
import type { ShownResult } from "../result.js";
import type { ErrorReport, RunEvent, Sink } from "../types.js";
import { renderFailure } from "./failure.js";
import { createStyle } from "./style.js";
import type { Style } from "./style.js";
import { cleanText, displayWidth, padText, wrapText } from "./text.js";

/** How a summary is laid out. */
export interface RenderOptions {
  readonly color: boolean;
  /** Of the terminal; prose is wrapped to it. */
  readonly columns: number;
}

/** Gathers a run's events and renders their summary; a sink like the others. */
export interface Summary extends Sink {
  /** The text, without a final newline; empty when no run has ended. */
  render(options: RenderOptions): string;
}

/** What the checkpoints of a run cost. */
function savedText({ saved, removed }: Story): string {
  if (saved.count === 0) return "";
  const count = saved.count === 1 ? "1 checkpoint" : `${saved.count} checkpoints`;
  const text = `; ${count}: ${formatDuration(saved.durationMs)}, ${formatBytes(saved.bytes)}`;
  if (removed.count === 0) return text;
  return `${text} (${removed.count} old removed, ${formatBytes(removed.bytes)})`;
}

/** More distinct warnings than this are only counted. */
const MOST_WARNINGS = 50;

/** What is known at the end. Durations are milliseconds. */
interface Story {
  name: string;
  version: string;
  runFolder: string;
  readonly phases: Map<string, number>;
  readonly steps: { name: string; time: string; note: string }[];
  /** What saving states cost. */
  readonly saved: { count: number; bytes: number; durationMs: number };
  /** States that were removed to make room. */
  readonly removed: { count: number; bytes: number };
  /** The machine is kept as it failed. */
  failedState: boolean;
  /** Each warning with its hint, once. */
  readonly warnings: Map<string, string | undefined>;
  unlistedWarnings: number;
  end:
    | { readonly ok: true; durationMs: number; ownMs: number; result: ShownResult }
    | { readonly ok: false; durationMs: number; error: ErrorReport }
    | undefined;
}

/** Makes the summary of one run. Attach it to the bus, and render after the last event. */
export function createSummary(): Summary {
  const story: Story = {
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
    end: undefined,
  };
  return {
    handle: (event) => gather(story, event),
    close: () => {},
    render(options) {
      if (!story.end) return "";
      const style = createStyle(options.color);
      const lines = story.end.ok
        ? [...successLines(story, story.end, style), ...warningLines(story, style, options.columns)]
        : [
            ...warningLines(story, style, options.columns),
            ...renderFailure(
              {
                ...story.end,
                name: story.name,
                runFolder: story.runFolder,
                kept: story.failedState,
              },
              style,
              options.columns,
            ),
          ];
      return lines.join("\n").trim();
    },
  };
}

function gather(story: Story, event: RunEvent): void {
  switch (event.type) {
    case "run.started":
      story.name = event.name;
      story.version = event.version;
      story.runFolder = event.runFolder;
      break;
    case "phase.finished":
      // A phase that comes twice (a second boot) shows its whole time.
      story.phases.set(event.phase, (story.phases.get(event.phase) ?? 0) + event.durationMs);
      break;
    case "step.finished":
    case "step.failed":
      story.steps.push({ name: event.step, time: formatDuration(event.durationMs), note: "" });
      break;
    case "step.kept":
      story.steps.push({ name: event.step, time: "cached", note: "" });
      break;
    case "checkpoint.saved":
      noteCheckpoint(story, event);
      break;
    case "checkpoint.removed":
      story.removed.count += event.steps.length;
      story.removed.bytes += event.bytes;
      break;
    case "checkpoint.failed":
      story.failedState = true;
      break;
    case "warning":
      if (story.warnings.size < MOST_WARNINGS) story.warnings.set(event.message, event.hint);
      else if (!story.warnings.has(event.message)) story.unlistedWarnings++;
      break;
    case "run.finished": {
      const { durationMs, ownMs } = event;
      story.end = { ok: true, durationMs, ownMs, result: readResult(event.result) };
      break;
    }
    case "run.failed":
      story.end = { ok: false, durationMs: event.durationMs, error: event.error };
      break;
    default:
      break;
  }
}

type CheckpointSaved = Extract<RunEvent, { type: "checkpoint.saved" }>;

function noteCheckpoint(story: Story, event: CheckpointSaved): void {
  const { step, durationMs, memoryBytes, diskBytes } = event;
  const { saved } = story;
  saved.count++;
  saved.bytes += memoryBytes + diskBytes;
  saved.durationMs += durationMs;
  const row = story.steps.findLast(({ name }) => name === step);
  const cost = `+ ${formatDuration(durationMs)} checkpoint, ${formatBytes(memoryBytes)}`;
  if (row && step !== "") row.note = cost;
}

function successLines(
  story: Story,
  end: { durationMs: number; ownMs: number; result: ShownResult },
  style: Style,
): string[] {
  const title = style.bold(cleanText(`${story.name} ${story.version}`.trim()));
  const took = formatDuration(end.durationMs);
  const { upToDate, until } = end.result;
  const headline = upToDate
    ? `${title} is up to date ${style.dim(`(checked in ${took})`)}`
    : until === undefined
      ? `${title} ${style.green(`built in ${took}`)}`
      : `${title} ${style.green(`stopped after ${cleanText(until)}, as asked, in ${took}`)}`;
  const times = end.result.upToDate ? [] : ["", ...timeTable(story, style)];
  const own = `vmbuild's own share: ${(end.ownMs / 1000).toFixed(1)}s`;
  const image = artifactLines(story, end.result, style);
  return [
    headline,
    ...times,
    ...(end.result.upToDate ? [] : [`  ${own}${savedText(story)}`]),
    ...(image.length > 0 ? ["", ...image] : []),
    ...(end.result.hints.length > 0 ? [""] : []),
    ...end.result.hints.map((hint) => `  ${cleanText(hint)}`),
  ];
}

const AFTER_STEPS: ReadonlySet<string> = new Set(["seal", "shutdown", "compact"]);

/** Phases with their times, the steps below the phase that ran them. */
function timeTable(story: Story, style: Style): string[] {
  const rows: { name: string; time: string; note: string; step: boolean }[] = [];
  const steps = story.steps.map((step) => ({ ...step, name: `  ${step.name}`, step: true }));
  let placed = false;
  for (const [name, durationMs] of story.phases) {
    // Sealing is the first thing that happens to a guest whose steps are done.
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

function artifactLines(story: Story, result: ShownResult, style: Style): string[] {
  const { path, size, virtualSize, checksums = {} } = result.artifact;
  const facts = [
    ...(size === undefined ? [] : [formatBytes(size)]),
    ...(virtualSize === undefined ? [] : [`${formatBytes(virtualSize)} disk`]),
  ];
  const suffix = facts.length === 0 ? "" : `  ${style.dim(`(${facts.join(", ")})`)}`;
  const rows: [string, string, string?][] = [
    ...(path === undefined ? [] : [["image", path, suffix] as [string, string, string]]),
    ...Object.entries(checksums),
    ...(result.manifest === undefined ? [] : [["manifest", result.manifest] as [string, string]]),
    ["run", result.runFolder ?? story.runFolder],
  ];
  return rows
    .filter(([, value]) => value !== "")
    .map(([name, value, more = ""]) => {
      const shown = name === "image" ? style.bold(cleanText(value)) : cleanText(value);
      return `  ${style.dim(padText(cleanText(name), 8))}  ${shown}${more}`;
    });
}

/** Warnings once more: a long run has scrolled them away. */
function warningLines(story: Story, style: Style, columns: number): string[] {
  if (story.warnings.size === 0) return [];
  const lines = [...story.warnings].flatMap(([message, hint]) => [
    ...wrapText(`warning: ${cleanText(message)}`, columns - 2).map(style.yellow),
    ...(hint === undefined
      ? []
      : wrapText(cleanText(hint), columns - 2).map((line) => style.dim(`  ${line}`))),
  ]);
  const more = story.unlistedWarnings;
  return ["", ...lines, ...(more > 0 ? [style.yellow(`and ${more} more warnings`)] : []), ""];
}
