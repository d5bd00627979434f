/** When a run takes its output folder into use: before its machine starts, and as early as it can. */
import { lockOutputFolder } from "../artifact/output-folder.js";
import type { OutputFolderLock } from "../artifact/output-folder.js";
import type { OutputTarget } from "../artifact/output-owner.js";
import { requireNothingOverwritten } from "../requirements/overwritten.js";
import { readPublishedRecord } from "./checkpoints/published.js";
import type { RunContext, ContextWith } from "./context.js";

/** The output folder as the artifact's room knows it. */
export function outputTarget({
  template: { name },
  output: { folder, filename },
}: ContextWith<"template" | "output">): OutputTarget {
  return { name, folder, filename };
}

/**
 * Claims the output folder for a run that will write to it.
 * @returns undefined for a run that stops before there is an image.
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
 * Claims it before anything is fetched, unless the image may be up to date: then nothing is
 * written, and a folder that has become read-only does no harm.
 */
export async function claimOutputEarly(context: RunContext): Promise<OutputFolderLock | undefined> {
  const published = await readPublishedRecord(context.workspace.build.published);
  const mayBeUpToDate = published?.artifact.path === context.output.path;
  return mayBeUpToDate ? undefined : claimOutput(context);
}
