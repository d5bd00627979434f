/** Implements `vmbuild list`: lists the builds of this host and the results of their last runs. */
import { setTimeout as delay } from "node:timers/promises";
import { imagesOf } from "../builds/images.js";
import type { BuildImage } from "../builds/images.js";
import { endOverdueRuns } from "../builds/overdue.js";
import { isInProgress, sizeOfBuild, summarizeBuilds } from "../builds/records.js";
import type { BuildSummary } from "../builds/records.js";
import type { RunRecord } from "../builds/workspace.js";
import type { VmbuildError } from "../errors.js";
import { encodeJsonLine } from "../events/sinks/ndjson.js";
import type { Paint, Style } from "../events/sinks/style.js";
import { formatBytes, formatDuration } from "../host/format.js";
import { listAppliances } from "../template/find.js";
import { interruptible } from "./interrupt.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { shortPath } from "./short-path.js";
import { alignRows } from "./table.js";

/** Flags of the command. */
export interface ListFlags {
  readonly json?: boolean;
  readonly names?: boolean;
  readonly templates?: boolean;
  readonly appliances?: string;
  readonly watch?: boolean;
}

/** Line of the list. Sizes are bytes, durations milliseconds. */
interface Row {
  readonly name: string;
  readonly version: string | null;
  readonly state: RunRecord["state"] | "never";
  readonly outcome: string | null;
  readonly runId: string | null;
  readonly startedAt: string | null;
  readonly durationMs: number | null;
  readonly runs: number;
  /** Path of the first image; null when none exists any more. */
  readonly artifact: string | null;
  /** Of all images together. */
  readonly artifactSize: number;
  /** Images of all formats, and of further disks. */
  readonly images: readonly BuildImage[];
  readonly stateSize: number;
  readonly template: string | null;
  /** Process of a run in progress. */
  readonly pid: number | null;
  /** Deadline of the lease of a run in progress. */
  readonly expiresAt: string | null;
}

function durationOf(run: RunRecord): number | null {
  const isOver = run.state === "done" || run.state === "failed" || run.endedAt !== undefined;
  const end = run.endedAt === undefined ? (isOver ? NaN : Date.now()) : Date.parse(run.endedAt);
  const duration = end - Date.parse(run.startedAt);
  return run.state === "interrupted" || Number.isNaN(duration) ? null : duration;
}

async function rowOf(build: BuildSummary): Promise<Row> {
  const last = build.runs.at(-1);
  const images = await imagesOf(build);
  return {
    name: build.name,
    version: last?.version ?? null,
    state: last?.state ?? "never",
    outcome: last?.outcome ?? null,
    runId: last?.runId ?? null,
    startedAt: last?.startedAt ?? null,
    durationMs: last ? durationOf(last) : null,
    runs: build.runs.length,
    artifact: images[0]?.path ?? null,
    artifactSize: images.reduce((sum, { size }) => sum + size, 0),
    images,
    stateSize: await sizeOfBuild(build),
    template: last?.template ?? null,
    pid: last && isInProgress(last) ? last.pid : null,
    expiresAt: last && isInProgress(last) ? (last.expiresAt ?? null) : null,
  };
}

/** Formats an age in its largest unit: `3h ago`. */
export function formatAge(milliseconds: number): string {
  const units: [string, number][] = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
  ];
  const [unit, size] = units.find(([, size]) => milliseconds >= size) ?? ["", 0];
  return size === 0 ? "just now" : `${Math.floor(milliseconds / size)}${unit} ago`;
}

function stateOf({ state, outcome }: Row, style: Style): string {
  const paints: Record<Row["state"], Paint> = {
    running: style.cyan,
    paused: style.yellow,
    done: style.green,
    failed: style.red,
    interrupted: style.yellow,
    never: style.dim,
  };
  const isExpired = state === "interrupted" && outcome === "LEASE_EXPIRED";
  const isShown = outcome !== null && (state === "failed" || isExpired);
  return paints[state](state) + (isShown ? ` ${outcome}` : "");
}

function cellsOf(row: Row, style: Style): string[] {
  return [
    row.name,
    row.version ?? "",
    stateOf(row, style),
    row.startedAt === null ? "" : formatAge(Date.now() - Date.parse(row.startedAt)),
    row.durationMs === null ? "" : formatDuration(Math.round(row.durationMs / 1000) * 1000),
    row.artifact === null ? "" : formatBytes(row.artifactSize),
    formatBytes(row.stateSize),
  ];
}

async function printNames(flags: ListFlags): Promise<void> {
  const output = createOutput();
  const { appliances } = flags;
  const names = flags.templates
    ? [...(await listAppliances({ currentFolder: process.cwd(), appliances })).keys()]
    : (await summarizeBuilds()).map(({ name }) => name);
  if (names.length > 0) output.print(names.join("\n"));
}

/** Returns the table of builds, with a column for leases where a run has one. */
function tableOf(rows: readonly Row[], style: Style): string {
  const isLeased = rows.some(({ expiresAt }) => expiresAt !== null);
  const names = ["NAME", "VERSION", "LAST RUN", "WHEN", "TOOK", "IMAGE", "WORK"];
  const head = [...names, ...(isLeased ? ["EXPIRES"] : [])].map(style.dim);
  const cells = rows.map((row) => [...cellsOf(row, style), ...(isLeased ? [expiryOf(row)] : [])]);
  const artifacts = rows.flatMap(({ name, images }) =>
    images.map(({ path }, at) => [at === 0 ? name : "", shortPath(path)]),
  );
  const table = alignRows([head, ...cells]).join("\n");
  return artifacts.length > 0 ? `${table}\n\n${alignRows(artifacts).join("\n")}` : table;
}

function expiryOf({ expiresAt }: Row): string {
  if (expiresAt === null) return "";
  const left = Date.parse(expiresAt) - Date.now();
  return left <= 0 ? "now" : `in ${formatDuration(Math.ceil(left / 1000) * 1000)}`;
}

/** Reads the present state of all builds. Runs whose deadline has passed are ended first. */
async function readRows(output: Output): Promise<Row[]> {
  for (const { name, runId } of await endOverdueRuns()) {
    output.log(`note: the lease of the run ${runId} of ${name} had expired; the run is over`);
  }
  return Promise.all((await summarizeBuilds()).map(rowOf));
}

/** Interval of `--watch`. Milliseconds. */
const WATCH_INTERVAL_MS = 2000;
const NO_BUILDS = "No builds on this host. To create one: vmbuild init NAME";

/**
 * Shows the list again whenever it has changed: in place on a terminal, else below the last one.
 */
async function watch({ json }: ListFlags, output: Output, signal: AbortSignal): Promise<void> {
  const { createLogUpdate } = await import("log-update");
  const redraw = process.stdout.isTTY && !json ? createLogUpdate(process.stdout) : undefined;
  const print = (text: string): void => (redraw ? redraw(text) : output.print(text));
  let shown = "";
  try {
    for (;;) {
      const rows = await readRows(output);
      const text = json
        ? encodeJsonLine({ builds: rows })
        : rows.length === 0
          ? NO_BUILDS
          : tableOf(rows, output.stdoutStyle);
      if (text !== shown) print(text);
      shown = text;
      await delay(WATCH_INTERVAL_MS, undefined, { signal });
    }
  } finally {
    redraw?.done();
  }
}

/** Runs `--watch` until Ctrl-C, or until the reader of stdout is gone; returns the exit code. */
function watchUntilEnd(flags: ListFlags, output: Output): Promise<number> {
  return interruptible(async (interrupted) => {
    const signal = AbortSignal.any([interrupted, output.stdoutGone]);
    try {
      await watch(flags, output, signal);
      return 0;
    } catch (error) {
      if (!signal.aborted) throw error;
      return interrupted.aborted ? (interrupted.reason as VmbuildError).exitCode : 0;
    }
  });
}

/** Runs the command; returns the exit code. */
export async function list(flags: ListFlags): Promise<number> {
  if (flags.names || flags.templates) {
    await printNames(flags);
    return 0;
  }
  const output = createOutput();
  if (flags.watch) return watchUntilEnd(flags, output);
  const rows = await readRows(output);
  if (flags.json) output.printJson({ builds: rows });
  else if (rows.length === 0) output.log(NO_BUILDS);
  else output.print(tableOf(rows, output.stdoutStyle));
  return 0;
}
