/** Prepares the start of a finished image on this host, for a caller on another one. */
import { dirname, join } from "node:path";
import type { z } from "zod";
import { findRun } from "../../builds/records.js";
import { VmbuildError } from "../../errors.js";
import { statIfThere } from "../../host/files.js";
import { findFreePort } from "../../machine/ports.js";
import type { HostRequest, bootSchema } from "../messages.js";
import { imageRuns } from "./find-image.js";
import type { ImageRecord } from "./find-image.js";
import { bundleFolder } from "./tree.js";

/** Returns the newest run of a build that has made an image. */
async function imageRunOf(name: string): Promise<ImageRecord> {
  const record = (await imageRuns(name)).at(-1);
  if (record) return record;
  // An unknown build is reported with the known ones.
  await findRun(name, undefined);
  throw new VmbuildError("INPUT_MISSING", `No run of ${name} has made an image`, {
    hint: `Build it first: vmbuild run ${name}.`,
  });
}

/** Returns free ports, each a different one. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await findFreePort());
  return [...ports];
}

/**
 * Returns the command line of `vmbuild boot` for the image of a build, and the ports of this host
 * for those of the guest.
 * @param folder folder for bundles and images. Absolute.
 * @param caller socket of the caller's link.
 * @throws {VmbuildError} BUILD_UNKNOWN; INPUT_MISSING without an image; USAGE for files that were
 *   not sent.
 */
export async function prepareBoot(
  folder: string,
  request: Extract<HostRequest, { do: "boot" }>,
  caller: string,
): Promise<z.infer<typeof bootSchema>> {
  const { name, forwards } = request;
  const { artifact, template } = await imageRunOf(name);
  const { tree } = bundleFolder(folder, name);
  const given: string[] = [];
  for (const { text, path } of request.arguments) {
    const at = path === undefined ? "" : join(tree, path);
    if (path !== undefined && !(await statIfThere(at))) {
      throw new VmbuildError("USAGE", `${path} was not sent with the last run of ${name}`, {
        hint: "boot uses the files of that run. Give values with --var.",
      });
    }
    given.push(text + at);
  }
  const ports = await freePorts(forwards.length);
  const words = [
    ...["boot", `--caller=${caller}`, `--output=${dirname(artifact)}`, ...given],
    ...forwards.map((guest, index) => `--forward=${ports[index] ?? 0}:${guest}`),
    ...["--", template],
  ];
  return { words, ports };
}
