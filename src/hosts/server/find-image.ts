/** Finds the image that an earlier run has made, as long as it is there. */
import { basename, dirname, join } from "node:path";
import { MANIFEST_NAME, readManifest } from "../../artifact/manifest.js";
import { findRun, summarizeBuilds } from "../../builds/records.js";
import { buildPaths, runPaths } from "../../builds/workspace.js";
import type { RunRecord } from "../../builds/workspace.js";
import { VmbuildError } from "../../errors.js";
import { readResult } from "../../events/result.js";
import { readIfThere } from "../../host/files.js";

/** Record of a run that has made an image. */
export type ImageRecord = RunRecord & { readonly artifact: string };

const madeImage = (run: RunRecord): run is ImageRecord => run.artifact !== undefined;

/** Returns the runs of a build that have made an image, oldest first. */
export async function imageRuns(name: string): Promise<ImageRecord[]> {
  const runs = (await summarizeBuilds()).find((build) => build.name === name)?.runs ?? [];
  return runs.filter(madeImage);
}

/** Returns the SHA-256 of the image that a run has made; undefined where its log does not tell. */
async function digestOf({ name, runId }: RunRecord): Promise<string | undefined> {
  const text = (await readIfThere(runPaths(buildPaths(name), runId).events)) ?? "";
  const line = text.split("\n").findLast((one) => one.includes('"type":"run.finished"'));
  if (line === undefined) return undefined;
  try {
    const event = JSON.parse(line) as { readonly result?: unknown };
    return readResult(event.result).artifact.checksums?.["sha256"];
  } catch {
    // The run was killed while it wrote the line.
    return undefined;
  }
}

/** Returns whether the image of a run is the one in its folder. */
async function isThere(run: ImageRecord, runs: readonly ImageRecord[]): Promise<boolean> {
  const manifest = await readManifest(join(dirname(run.artifact), MANIFEST_NAME)).catch(
    () => undefined, // A later run was killed while it replaced the image.
  );
  const file = manifest?.files.find(({ name }) => name === basename(run.artifact));
  if (manifest?.version !== run.version || file === undefined) return false;
  const digest = await digestOf(run);
  if (digest !== undefined) return digest === file.checksums.sha256;
  return runs.at(-1) === run;
}

/**
 * Returns the run with an image that a text names: the newest one of a version, or the one whose id
 * begins or ends with the text.
 * @throws {VmbuildError} BUILD_UNKNOWN; FETCH_FAILED when the run has made no image, or a later one
 *   has replaced it.
 */
export async function findImage(name: string, text: string): Promise<ImageRecord> {
  const runs = await imageRuns(name);
  const ofVersion = runs.findLast(({ version }) => version === text);
  const record = ofVersion ?? (await findRun(name, text)).record;
  if (!madeImage(record)) {
    throw new VmbuildError("FETCH_FAILED", `The run ${record.runId} of ${name} made no image`, {
      hint: `Its state is ${record.state}. See vmbuild logs ${name} --run ${record.runId}.`,
    });
  }
  const isSame = ({ runId }: RunRecord): boolean => runId === record.runId;
  const found = runs.find(isSame) ?? record;
  if (await isThere(found, runs)) return found;
  const message = `The image of the run ${record.runId} of ${name} (${record.version}) was replaced by that of a later run`;
  const left: string[] = [];
  for (const run of runs) if (await isThere(run, runs)) left.push(`${run.runId} (${run.version})`);
  throw new VmbuildError("FETCH_FAILED", message, {
    hint:
      left.length === 0
        ? "No image of its runs is there any more. Build it again."
        : `Images that are there: ${left.join(", ")}. Build the other one again, or fetch each image after its run.`,
  });
}
