/**
 * Defines the result of a finished run: `result` in `run.finished`, and the object that `--json`
 * prints.
 */
import type { SkipReason } from "./types.js";

/** Finished image. Sizes are bytes; checksums are hexadecimal, by algorithm. */
export interface ArtifactReport {
  readonly path: string;
  /** Size of the file. */
  readonly size: number;
  /** Size of the disk as a guest sees it. */
  readonly virtualSize: number;
  readonly checksums: Readonly<Record<string, string>>;
}

/** Result of a successful run. Paths are absolute, durations milliseconds. */
export interface RunResult {
  readonly name: string;
  readonly version: string;
  /** True when nothing had changed and the existing artifact was kept. */
  readonly upToDate: boolean;
  /** Absent when the run was asked to stop after a step. */
  readonly artifact?: ArtifactReport;
  /** Images in further formats (`output.formats`), in the template's order. */
  readonly otherArtifacts?: readonly ArtifactReport[];
  /** Path of manifest.json. */
  readonly manifest?: string;
  /** Step after which the run was asked to stop. */
  readonly until?: string;
  readonly runFolder: string;
  /** `restored` steps come from a checkpoint; their duration is that of the original run. */
  readonly steps: readonly {
    readonly name: string;
    readonly durationMs: number;
    readonly restored?: boolean;
    /** Reason for which the step's actions were skipped. */
    readonly skipped?: SkipReason;
  }[];
  readonly warnings: readonly string[];
  /** Suggestions for using the image: one command or sentence each. */
  readonly hints?: readonly string[];
}

/** Result of provisioning one machine. Paths are absolute, durations milliseconds. */
export interface ProvisionResult {
  /** Name of the template. */
  readonly name: string;
  readonly version: string;
  /** The machine, as the user named it. */
  readonly host: string;
  /** True where only the checks ran. */
  readonly verifyOnly: boolean;
  readonly runFolder: string;
  /** Folder with the files that steps have downloaded; absent where there are none. */
  readonly outputs?: string;
  /** Steps that ran, in order. */
  readonly steps: readonly {
    readonly name: string;
    readonly durationMs: number;
    /** Reason for which the step's actions were skipped. */
    readonly skipped?: SkipReason;
  }[];
  readonly warnings: readonly string[];
}

/** Parts of a result that are displayed, as far as they are present. */
export interface ShownResult {
  /** Machine that was provisioned; undefined for a build. */
  readonly host: string | undefined;
  /** True where only the checks of a machine ran. */
  readonly verifyOnly: boolean;
  /** Folder with the files that the steps of a provisioned machine have downloaded. */
  readonly outputs: string | undefined;
  readonly upToDate: boolean;
  readonly until: string | undefined;
  readonly artifact: Partial<ArtifactReport>;
  readonly otherArtifacts: readonly Partial<ArtifactReport>[];
  readonly manifest: string | undefined;
  readonly runFolder: string | undefined;
  readonly hints: readonly string[];
}

/** Reads the result of an event, which may come from a file or from another version. */
export function readResult(value: unknown): ShownResult {
  const result = asRecord(value);
  const others = Array.isArray(result["otherArtifacts"]) ? result["otherArtifacts"] : [];
  return {
    host: asText(result["host"]),
    verifyOnly: result["verifyOnly"] === true,
    outputs: asText(result["outputs"]),
    upToDate: result["upToDate"] === true,
    until: asText(result["until"]),
    artifact: readArtifact(result["artifact"]),
    otherArtifacts: others.map(readArtifact),
    manifest: asText(result["manifest"]),
    runFolder: asText(result["runFolder"]),
    hints: Array.isArray(result["hints"]) ? result["hints"].filter(isText) : [],
  };
}

function readArtifact(value: unknown): Partial<ArtifactReport> {
  const artifact = asRecord(value);
  const { path, size, virtualSize } = artifact;
  const checksums = Object.entries(asRecord(artifact["checksums"])).filter(isTextEntry);
  return {
    ...(typeof path === "string" ? { path } : {}),
    ...(typeof size === "number" ? { size } : {}),
    ...(typeof virtualSize === "number" ? { virtualSize } : {}),
    checksums: Object.fromEntries(checksums),
  };
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function asText(value: unknown): string | undefined {
  return isText(value) ? value : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTextEntry(entry: [string, unknown]): entry is [string, string] {
  return isText(entry[1]);
}
