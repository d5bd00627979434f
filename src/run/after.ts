/** Runs the commands of the template's `after` section for the published images. */
import { createHash } from "node:crypto";
import type { RunResult } from "../events/result.js";
import type { HostCommands } from "../template/host-commands.js";
import { writeCacheKey } from "./checkpoints/cache-key.js";
import { readPublishedRecord, recordAfter } from "./checkpoints/published.js";
import type { RunContext } from "./context.js";
import { imageValues } from "./image-values.js";
import { runHostCommands } from "./host-commands.js";

/** Identifies the commands, to tell whether they have run for an image. */
function keyOfAfter(after: readonly HostCommands[]): string {
  return createHash("sha256").update(JSON.stringify(after)).digest("hex");
}

/**
 * Runs the commands in order for each image, unless they have run for these images. Where they fail,
 * the images stay published, and the next run starts with the first of them again.
 * @throws {VmbuildError} AFTER_FAILED; HOST_PROGRAM_MISSING; the reason of a cancellation.
 */
export async function runAfter(context: RunContext, result: RunResult): Promise<void> {
  const { template, workspace, output } = context;
  const { after } = template;
  if (after.length === 0) return;
  const { published } = workspace.build;
  const key = keyOfAfter(after);
  if (result.upToDate && (await readPublishedRecord(published))?.after === key) return;
  await context.phase("after", async () => {
    for (const image of output.images) {
      await runHostCommands(context, {
        section: "after",
        values: imageValues(image, result),
        code: "AFTER_FAILED",
        consequence: `the image is published as ${image.path}`,
      });
    }
  });
  const record = await recordAfter(published, key);
  if (record) await writeCacheKey(record);
}
