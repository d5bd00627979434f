/** Runs the commands of the template's `after` section for a published image. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { asVmbuildError, VmbuildError } from "../errors.js";
import type { RunResult } from "../events/result.js";
import { runHostScript } from "../steps/host-script.js";
import { summarizeCommands } from "../steps/run.js";
import { fillInImage } from "../template/after-schema.js";
import type { AfterCommands } from "../template/after-schema.js";
import { readPublishedRecord, recordAfter } from "./checkpoints/published.js";
import type { RunContext } from "./context.js";

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

/** Returns the variables that contain the values: `VMBUILD_IMAGE_PATH`. */
function imageVariables(values: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(
    [...values].map(([reference, value]) => [
      `VMBUILD_${reference.replace(".", "_").toUpperCase()}`,
      value,
    ]),
  );
}

/** Identifies the commands, to tell whether they have run for an image. */
function keyOfAfter(after: readonly AfterCommands[]): string {
  return createHash("sha256").update(JSON.stringify(after)).digest("hex");
}

async function runOne(
  context: RunContext,
  index: number,
  values: ReadonlyMap<string, string>,
): Promise<void> {
  const { template, emit, options, output } = context;
  const item = template.after[index];
  if (!item) return;
  const what = `after ${index + 1}: ${summarizeCommands(item.run)}`;
  emit({ type: "note", message: what });
  const own = Object.entries(item.environment).map(([name, value]): [string, string] => [
    name,
    fillInImage(value, values),
  ]);
  try {
    await runHostScript({
      what,
      commands: item.run.map((command) => fillInImage(command, values)),
      cwd: template.folder,
      environment: { ...imageVariables(values), ...Object.fromEntries(own) },
      timeoutMs: item.timeout,
      signal: options.signal,
      onLine: (line, stream) => emit({ type: "output", source: "after", stream, line }),
      onState: (line, stream) => emit({ type: "output.state", source: "after", stream, line }),
    });
  } catch (thrown) {
    options.signal.throwIfAborted();
    const error = asVmbuildError(thrown);
    if (!error.code.startsWith("STEP_")) throw error;
    const message = `${error.message}; the image is published as ${output.path}`;
    const { lines, details } = error;
    throw new VmbuildError("AFTER_FAILED", message, { cause: error, lines, details });
  }
}

/**
 * Runs the commands in order, unless they have run for this image. Where they fail, the image stays
 * published, and the next run starts with the first of them again.
 * @throws {VmbuildError} AFTER_FAILED; HOST_PROGRAM_MISSING; the reason of a cancellation.
 */
export async function runAfter(context: RunContext, result: RunResult): Promise<void> {
  const { template, workspace } = context;
  const { after } = template;
  if (after.length === 0) return;
  const { published } = workspace.build;
  const key = keyOfAfter(after);
  if (result.upToDate && (await readPublishedRecord(published))?.after === key) return;
  const values = imageValues(context, result);
  await context.phase("after", async () => {
    for (const index of after.keys()) await runOne(context, index, values);
  });
  await recordAfter(published, key);
}
