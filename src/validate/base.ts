/** Checks the base: whether it is there, and whether the machine's disk can hold it. */
import { baseKindOf } from "../base/registry.js";
import { asVmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { formatBytes } from "../host/format.js";
import { imageInfo } from "../machine/disk.js";
import type { CheckOptions } from "./validate.js";
import type { Collector } from "./findings.js";
import { checkFiles } from "./files.js";

/** Checks the base as far as it is on this host. */
export async function checkBase(
  collector: Collector,
  findArtifact: CheckOptions["findArtifact"],
): Promise<void> {
  const { base, folder: templateFolder } = collector.template;
  const kind = baseKindOf(base);
  const found = await kind.check(base, { templateFolder, findArtifact });
  const { problems = [], files = [], image, virtualSize, absent } = found;
  for (const { key, message } of problems) collector.problem(["base", ...key], message);
  if (virtualSize !== undefined) checkFit(collector, virtualSize);
  const allThere = await checkFiles(collector, ["base"], files);
  if (image !== undefined && (await statIfThere(image))) {
    if (allThere) await checkImage(collector, image, virtualSize === undefined);
  } else if (absent !== undefined) collector.note(`${absent}: its size is not checked`);
}

/** Reads the image's header; where qemu-img is missing, that is doctor's to say. */
async function checkImage(collector: Collector, path: string, fit: boolean): Promise<void> {
  try {
    const info = await imageInfo(path, collector.signal);
    if (info.format !== "qcow2" && info.format !== "raw") {
      collector.problem(["base"], `${path} is of format ${info.format}; qcow2 and raw serve`);
    }
    if (fit) checkFit(collector, info.virtualSize);
  } catch (thrown) {
    collector.signal.throwIfAborted();
    const { code, message } = asVmbuildError(thrown);
    if (code === "HOST_PROGRAM_MISSING") collector.note(`${message}: the base is not checked`);
    else collector.problem(["base"], message);
  }
}

function checkFit(collector: Collector, virtualSize: number): void {
  const { disk } = collector.template.machine;
  if (disk >= virtualSize) return;
  const sizes = `${formatBytes(disk)} cannot hold the base, which has ${formatBytes(virtualSize)}`;
  collector.problem(["machine", "disk"], sizes);
}
