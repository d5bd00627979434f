/** Reads and writes manifests in the format of Packer's post-processor `manifest`. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { VmbuildError, messageOf, systemCode } from "../errors.js";
import { makeFolder, writeFileAtomic } from "../host/files.js";
import { holdLockFile } from "../host/lock.js";
import { dirname } from "node:path";

/** File of a build. The size is bytes. */
interface ManifestFile {
  readonly name: string;
  readonly size: number;
}

/**
 * Entry of a build, with the keys in Packer's order (post-processor/manifest/artifact.go). Seconds
 * since 1970; undefined leaves out the time.
 */
export interface PackerManifestEntry {
  readonly name: string;
  readonly builder_type: string;
  readonly build_time?: number | undefined;
  readonly files: readonly ManifestFile[] | null;
  readonly artifact_id: string;
  readonly packer_run_uuid: string;
  readonly custom_data: Readonly<Record<string, string>> | null;
}

/** Identifier of this process's run, which Packer also has once for all builds of a call. */
export const RUN_UUID = randomUUID();

/** Characters that Go's JSON encoder escapes in texts (encoding/json, HTMLEscape). */
const ESCAPED = /[<>&\u2028\u2029]/g;

/** Formats JSON as Go does: two spaces, and no line break at the end. */
export function goJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    ESCAPED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

async function readBuilds(path: string): Promise<unknown[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
  if (text.trim() === "") return [];
  const value: unknown = JSON.parse(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    if (Object.keys(value).length === 0) return [];
    const builds: unknown = "builds" in value ? value.builds : undefined;
    // Packer writes null where it has no builds.
    if (builds === null) return [];
    if (Array.isArray(builds)) return builds as unknown[];
  }
  throw new Error("it is not a manifest in Packer's format");
}

/** Returns the path of the lock that Packer, too, creates while it writes a manifest. */
const lockOf = (path: string): string => `${path}.lock`;

/** Writes of this process in order: builds may end at the same time. */
let queue: Promise<void> = Promise.resolve();

/**
 * Appends an entry to a manifest, under a lock against other processes. Other builds in it stay as
 * they are.
 * @param path absolute.
 * @param signal ends waiting for the lock.
 * @throws {VmbuildError} AFTER_FAILED if the file is not JSON or cannot be written.
 */
export async function appendToPackerManifest(
  path: string,
  entry: PackerManifestEntry,
  signal?: AbortSignal,
): Promise<void> {
  const write = async (): Promise<void> => {
    try {
      await makeFolder(dirname(path));
      await using _lock = await holdLockFile(lockOf(path), signal);
      const builds = await readBuilds(path);
      const manifest = { builds: [...builds, entry], last_run_uuid: entry.packer_run_uuid };
      await writeFileAtomic(path, goJson(manifest));
    } catch (cause) {
      signal?.throwIfAborted();
      throw new VmbuildError("AFTER_FAILED", `${path} cannot be extended: ${messageOf(cause)}`, {
        cause,
        hint: "Remove the file, or set output.packerManifest.file to another one.",
      });
    }
  };
  const done = queue.then(write);
  // A failure concerns its own build only.
  queue = done.catch(() => undefined);
  return done;
}

/**
 * Returns the entries that this process has appended to a manifest.
 * @throws as `JSON.parse` and `readFile`.
 */
export async function entriesOfThisRun(
  path: string,
): Promise<Pick<PackerManifestEntry, "name" | "artifact_id">[]> {
  const builds = await readBuilds(path);
  return builds.flatMap((build) => {
    const entry = build as PackerManifestEntry;
    return entry.packer_run_uuid === RUN_UUID ? [entry] : [];
  });
}
