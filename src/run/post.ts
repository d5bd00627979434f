/** Runs the commands of the template's `post` section on the disk of a stopped machine. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isSameFile, readIdentity } from "../checkpoints/trust.js";
import { VmbuildError } from "../errors.js";
import { checkImage, createOverlay, imageInfo } from "../machine/disk.js";
import type { RunContext } from "./context.js";
import { runHostCommands } from "./host-commands.js";
import type { StoppedMachine } from "./lifecycle.js";

const NOT_PUBLISHED = "the image is not published";

/**
 * Requires that what the commands left can be compacted: a qcow2 image without damage. They may
 * have replaced the file.
 */
async function requireUsable(disk: string, signal: AbortSignal): Promise<void> {
  const { format, encrypted } = await imageInfo(disk, signal, "POST_FAILED");
  if (format !== "qcow2" || encrypted) {
    const found = encrypted ? "encrypted" : `in the format ${format}`;
    throw new VmbuildError(
      "POST_FAILED",
      `The disk is ${found} after the commands of "post", and must be plain qcow2; ${NOT_PUBLISHED}`,
    );
  }
  const { corruptions } = await checkImage(disk, signal, "POST_FAILED");
  if (corruptions === 0) return;
  const message = `The disk is damaged after the commands of "post" (${corruptions} places); ${NOT_PUBLISHED}`;
  throw new VmbuildError("POST_FAILED", message);
}

/**
 * Runs the commands on an image of their own on top of the machine's disk, whose checkpoints they
 * therefore cannot change.
 * @returns the path of the disk to compact: that image, or the machine's disk without commands.
 * @throws {VmbuildError} POST_FAILED when a command fails, or leaves no usable disk; HOST_SPACE;
 *   the reason of a cancellation.
 */
export async function runPost(
  context: RunContext,
  { disk }: Pick<StoppedMachine, "disk">,
): Promise<string> {
  const { template, workspace, options } = context;
  if (template.post.length === 0) return disk;
  const { signal } = options;
  const path = join(workspace.run.scratch, "post.qcow2");
  await context.phase("post", async () => {
    await rm(path, { force: true });
    await createOverlay({ path, backing: disk, backingFormat: "qcow2", signal });
    const before = await readIdentity(disk);
    await runHostCommands(context, {
      section: "post",
      values: new Map([["disk.path", path]]),
      code: "POST_FAILED",
      consequence: NOT_PUBLISHED,
    });
    if (!isSameFile(await readIdentity(disk), before)) {
      const message = `A command of "post" changed ${disk}, which belongs to the build; ${NOT_PUBLISHED}`;
      const hint =
        "Change only ${disk.path}. `vmbuild run NAME --force` builds from the base again.";
      throw new VmbuildError("POST_FAILED", message, { hint });
    }
    await requireUsable(path, signal);
  });
  return path;
}
