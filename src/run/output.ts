/** Claims the output folder of a run, as early as possible and before its machine starts. */
import { lockOutputFolder } from "../artifact/output-folder.js";
import type { OutputFolderLock } from "../artifact/output-folder.js";
import type { OutputTarget } from "../artifact/output-owner.js";
import { requireNothingOverwritten } from "../requirements/overwritten.js";
import { imageNames } from "../requirements/plan.js";
import { readCacheKey } from "./checkpoints/cache-key.js";
import { readPublishedRecord } from "./checkpoints/published.js";
import type { RunContext, ContextWith } from "./context.js";

/** Returns the output folder in the form that `artifact/` uses. */
export function outputTarget({
  template: { name },
  output,
}: ContextWith<"template" | "output">): OutputTarget {
  return { name, folder: output.folder, filenames: imageNames(output) };
}

/**
 * Claims the output folder for a run that will write to it.
 * @returns undefined for a run that stops before it creates an image.
 * @throws {VmbuildError} OUTPUT_TAKEN, OUTPUT_UNWRITABLE, ARTIFACT_SPACE.
 */
export async function claimOutput(
  context: ContextWith<"options" | "template" | "output">,
): Promise<OutputFolderLock | undefined> {
  if (context.options.until !== undefined) return undefined;
  await requireNothingOverwritten(context.template, context.output);
  return lockOutputFolder(outputTarget(context));
}

/**
 * Claims the output folder before anything is fetched, unless the image may be up to date. In that
 * case nothing is written, and a read-only folder must not cause an error.
 */
export async function claimOutputEarly(context: RunContext): Promise<OutputFolderLock | undefined> {
  const published = await readPublishedRecord(context.workspace.build.published);
  const isRecorded = published?.artifact.path === context.output.path;
  const mayBeUpToDate = isRecorded || (await readCacheKey(context.output.folder)) !== undefined;
  return mayBeUpToDate ? undefined : claimOutput(context);
}
