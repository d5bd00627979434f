/** What a finished run made: the `result` of `run.finished`, and the object that `--json` prints. */

/** The finished image. Sizes are bytes; checksums are hex, by algorithm. */
export interface ArtifactReport {
  readonly path: string;
  /** Of the file. */
  readonly size: number;
  /** Of the disk that a guest sees. */
  readonly virtualSize: number;
  readonly checksums: Readonly<Record<string, string>>;
}

/** The result of a run that ended well. Paths are absolute, durations milliseconds. */
export interface RunResult {
  readonly name: string;
  readonly version: string;
  /** True when nothing had changed and the earlier artifact was kept. */
  readonly upToDate: boolean;
  /** Absent when the run was told to stop after a step. */
  readonly artifact?: ArtifactReport;
  /** The path of manifest.json. */
  readonly manifest?: string;
  /** The step after which the run was told to stop. */
  readonly until?: string;
  readonly runFolder: string;
  /** `restored`: taken from a checkpoint; its duration is that of the run in which it ran. */
  readonly steps: readonly {
    readonly name: string;
    readonly durationMs: number;
    readonly restored?: boolean;
  }[];
  readonly warnings: readonly string[];
  /** What to do with the image now: one command or sentence each. */
  readonly hints?: readonly string[];
}

/** The parts of a {@link RunResult} that are shown, as far as they are there. */
export interface ShownResult {
  readonly upToDate: boolean;
  readonly until: string | undefined;
  readonly artifact: Partial<ArtifactReport>;
  readonly manifest: string | undefined;
  readonly runFolder: string | undefined;
  readonly hints: readonly string[];
}

/** Reads a result out of an event, which may come from a file or another version. */
export function readResult(value: unknown): ShownResult {
  const result = asRecord(value);
  const artifact = asRecord(result["artifact"]);
  const checksums = Object.entries(asRecord(artifact["checksums"])).filter(isTextEntry);
  return {
    upToDate: result["upToDate"] === true,
    until: asText(result["until"]),
    artifact: {
      ...(typeof artifact["path"] === "string" ? { path: artifact["path"] } : {}),
      ...(typeof artifact["size"] === "number" ? { size: artifact["size"] } : {}),
      ...(typeof artifact["virtualSize"] === "number"
        ? { virtualSize: artifact["virtualSize"] }
        : {}),
      checksums: Object.fromEntries(checksums),
    },
    manifest: asText(result["manifest"]),
    runFolder: asText(result["runFolder"]),
    hints: Array.isArray(result["hints"]) ? result["hints"].filter(isText) : [],
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
