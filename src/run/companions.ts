/** Files of the output folder that have a name which a step's file is about to take. */
import { lstat, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { folderError } from "../artifact/failures.js";
import { MANIFEST_NAME, readManifest } from "../artifact/manifest.js";
import { systemCode } from "../errors.js";
import { writeFileAtomic } from "../host/files.js";
import { readPublishedRecord } from "./checkpoints/published.js";
import type { ContextWith } from "./context.js";

const recordSchema = z.object({ paths: z.array(z.string()) });

/** The record of what this build ever put beside an image; absolute paths. */
const recordPath = ({ workspace }: ContextWith<"workspace">): string =>
  join(workspace.build.folder, "companions.json");

async function readRecord(path: string): Promise<string[]> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(path, "utf8"))).paths;
  } catch {
    // None yet, or not readable: then what is there is taken for somebody else's, and kept.
    return [];
  }
}

/** What runs of this build put there, by the manifest that is there and by the build's own record. */
async function createdPaths(context: ContextWith<"workspace" | "output">): Promise<Set<string>> {
  const { folder } = context.output;
  const manifest = await readManifest(join(folder, MANIFEST_NAME)).catch(() => undefined); // None.
  const published = (manifest?.companions ?? []).map((name) => join(folder, name));
  const last = (await readPublishedRecord(context.workspace.build.published))?.files ?? [];
  const paths = last.map(({ path }) => path);
  return new Set([...published, ...paths, ...(await readRecord(recordPath(context)))]);
}

/** What lies at a path: a link is none of what it leads to. */
async function entryType(path: string): Promise<"folder" | "other" | undefined> {
  try {
    return (await lstat(path)).isDirectory() ? "folder" : "other";
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Makes way for the files that steps made. What a run of this build put there is replaced later;
 * anything else is renamed to `NAME.before-RUN`, and a warning says so: nobody's files are lost.
 * @throws {VmbuildError} OUTPUT_UNWRITABLE when one cannot be renamed.
 */
export async function moveConflictingFiles(
  context: ContextWith<"workspace" | "output" | "emit">,
): Promise<void> {
  const { workspace, output, emit } = context;
  const names = await readdir(workspace.run.outputs);
  if (names.length === 0) return;
  const created = await createdPaths(context);
  for (const name of names) {
    const path = join(output.folder, name);
    const kind = await entryType(path);
    if (kind === undefined) continue;
    if (created.has(path)) {
      // A rename puts no file in the place of a folder.
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
