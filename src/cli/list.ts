/** Implements `vmbuild list`: lists the builds of this host and the results of their last runs. */
import { sizeOfBuild, summarizeBuilds } from "../builds/records.js";
import type { BuildSummary } from "../builds/records.js";
import type { RunRecord } from "../builds/workspace.js";
import type { Paint, Style } from "../events/sinks/style.js";
import { sizeOnDisk, statIfThere } from "../host/files.js";
import { formatBytes, formatDuration } from "../host/format.js";
import { listAppliances } from "../template/find.js";
import { createOutput } from "./output.js";
import { shortPath } from "./short-path.js";
import { alignRows } from "./table.js";

/** Flags of the command. */
export interface ListFlags {
  readonly json?: boolean;
  readonly names?: boolean;
  readonly templates?: boolean;
  readonly appliances?: string;
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
  readonly artifact: string | null;
  /** 0 when the artifact no longer exists. */
  readonly artifactSize: number;
  readonly stateSize: number;
  readonly template: string | null;
}

function durationOf(run: RunRecord): number | null {
  const isOver = run.state === "done" || run.state === "failed" || run.endedAt !== undefined;
  const end = run.endedAt === undefined ? (isOver ? NaN : Date.now()) : Date.parse(run.endedAt);
  const duration = end - Date.parse(run.startedAt);
  return run.state === "interrupted" || Number.isNaN(duration) ? null : duration;
}

async function rowOf(build: BuildSummary): Promise<Row> {
  const last = build.runs.at(-1);
  const artifact = build.runs.findLast((run) => run.artifact !== undefined)?.artifact;
  const there = artifact !== undefined && (await statIfThere(artifact)) !== undefined;
  return {
    name: build.name,
    version: last?.version ?? null,
    state: last?.state ?? "never",
    outcome: last?.outcome ?? null,
    runId: last?.runId ?? null,
    startedAt: last?.startedAt ?? null,
    durationMs: last ? durationOf(last) : null,
    runs: build.runs.length,
    artifact: there ? artifact : null,
    artifactSize: there ? await sizeOnDisk(artifact) : 0,
    stateSize: await sizeOfBuild(build),
    template: last?.template ?? null,
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
  return paints[state](state) + (state === "failed" && outcome !== null ? ` ${outcome}` : "");
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

/** Runs the command; returns the exit code. */
export async function list(flags: ListFlags): Promise<number> {
  if (flags.names || flags.templates) {
    await printNames(flags);
    return 0;
  }
  const output = createOutput();
  const rows = await Promise.all((await summarizeBuilds()).map(rowOf));
  if (flags.json) {
    output.printJson({ builds: rows });
    return 0;
  }
  if (rows.length === 0) {
    output.log("No builds on this host. To create one: vmbuild init NAME");
    return 0;
  }
  const style = output.stdoutStyle;
  const head = ["NAME", "VERSION", "LAST RUN", "WHEN", "TOOK", "IMAGE", "WORK"].map(style.dim);
  const table = alignRows([head, ...rows.map((row) => cellsOf(row, style))]);
  const artifacts = rows.flatMap((row) =>
    row.artifact === null ? [] : [[row.name, shortPath(row.artifact)]],
  );
  output.print(table.join("\n"));
  if (artifacts.length > 0) output.print(`\n${alignRows(artifacts).join("\n")}`);
  return 0;
}
