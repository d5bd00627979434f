/** Runs the commands of the template's `after` section for a published image. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { RunResult } from "../events/result.js";
import type { HostCommands } from "../template/host-commands.js";
import { readPublishedRecord, recordAfter } from "./checkpoints/published.js";
import type { RunContext } from "./context.js";
import { runHostCommands } from "./host-commands.js";

/** Returns the values of the references to the image, by reference. */
function imageValues(
  { output }: Pick<RunContext, "output">,
  { artifact, manifest }: RunResult,
): Map<string, string> {
  return new Map([
    ["image.path", output.path],
    ["image.name", basename(output.path)],
    ["image.format", output.format],
    ["image.manifest", manifest ?? ""],
    ...Object.entries(artifact?.checksums ?? {}).map(([algorithm, hex]): [string, string] => [
      `image.${algorithm}`,
      hex,
    ]),
  ]);
}

/** Identifies the commands, to tell whether they have run for an image. */
function keyOfAfter(after: readonly HostCommands[]): string {
  return createHash("sha256").update(JSON.stringify(after)).digest("hex");
}

/**
 * Runs the commands in order, unless they have run for this image. Where they fail, the image stays
 * published, and the next run starts with the first of them again.
 * @throws {VmbuildError} AFTER_FAILED; HOST_PROGRAM_MISSING; the reason of a cancellation.
 */
export async function runAfter(context: RunContext, result: RunResult): Promise<void> {
  const { template, workspace, output } = context;
  const { after } = template;
  if (after.length === 0) return;
  const { published } = workspace.build;
  const key = keyOfAfter(after);
  if (result.upToDate && (await readPublishedRecord(published))?.after === key) return;
  await context.phase("after", () =>
    runHostCommands(context, {
      section: "after",
      values: imageValues(context, result),
      code: "AFTER_FAILED",
      consequence: `the image is published as ${output.path}`,
    }),
  );
  await recordAfter(published, key);
}
