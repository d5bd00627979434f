/** Moves files of the output folder that have the name of a file that a step has created. */
import { lstat, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { folderError } from "../artifact/failures.js";
import { MANIFEST_NAME, describingFiles, readManifest } from "../artifact/manifest.js";
import { systemCode } from "../errors.js";
import { writeFileAtomic } from "../host/files.js";
import { readPublishedRecord } from "./checkpoints/published.js";
import type { ContextWith } from "./context.js";

const recordSchema = z.object({ paths: z.array(z.string()) });

/**
 * Returns the path of the record of all files that this build has created beside an image. The
 * paths in it are absolute.
 */
const recordPath = ({ workspace }: ContextWith<"workspace">): string =>
  join(workspace.build.folder, "companions.json");

async function readRecord(path: string): Promise<string[]> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(path, "utf8"))).paths;
  } catch {
    // Without a readable record, existing files are treated as created by others and not replaced.
    return [];
  }
}

/**
 * Returns the paths that runs of this build have created, from the manifest in the folder and the
 * build's own record.
 */
async function createdPaths(context: ContextWith<"workspace" | "output">): Promise<Set<string>> {
  const { folder } = context.output;
  const manifest = await readManifest(join(folder, MANIFEST_NAME)).catch(() => undefined); // There is no manifest.
  const names = manifest ? [...(manifest.companions ?? []), ...describingFiles(manifest)] : [];
  const published = names.map((name) => join(folder, name));
  const last = (await readPublishedRecord(context.workspace.build.published))?.files ?? [];
  const paths = last.map(({ path }) => path);
  return new Set([...published, ...paths, ...(await readRecord(recordPath(context)))]);
}

/** Returns the type of what exists at a path. Links are not followed. */
async function entryType(path: string): Promise<"folder" | "other" | undefined> {
  try {
    return (await lstat(path)).isDirectory() ? "folder" : "other";
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Makes room for the files that steps have created, and for further ones. Files created by this build are replaced later.
 * Anything else is renamed to `NAME.before-RUN`, with a warning, so that no data is lost.
 * @throws {VmbuildError} OUTPUT_UNWRITABLE when one cannot be renamed.
 */
export async function moveConflictingFiles(
  context: ContextWith<"workspace" | "output" | "emit">,
  further: readonly string[] = [],
): Promise<void> {
  const { workspace, output, emit } = context;
  const names = [...(await readdir(workspace.run.outputs)), ...further];
  if (names.length === 0) return;
  const created = await createdPaths(context);
  for (const name of names) {
    const path = join(output.folder, name);
    const kind = await entryType(path);
    if (kind === undefined) continue;
    if (created.has(path)) {
      // A file cannot replace a folder by rename(2).
      const isFile = (await entryType(join(workspace.run.outputs, name))) !== "folder";
      if (isFile && kind === "folder") await rm(path, { recursive: true });
      continue;
    }
    const renamed = `${path}.before-${workspace.runId}`;
    try {
      await rename(path, renamed);
    } catch (error) {
      throw folderError(output.folder, error);
    }
    const message = `${path} was not created by this build; it was renamed to ${renamed}`;
    emit({ type: "warning", message });
  }
  for (const name of names) created.add(join(output.folder, name));
  const record = { paths: [...created].toSorted() };
  await writeFileAtomic(recordPath(context), `${JSON.stringify(record)}\n`, 0o600);
}
