/** Checks the files of the machine's devices: images of further disks, and firmware. */
import { resolve } from "node:path";
import { readDiskSource } from "../base/disk-source.js";
import { asVmbuildError } from "../errors.js";
import { formatSizes } from "../host/format.js";
import type { Template } from "../template/load.js";
import type { Collector } from "./findings.js";
import { checkFile, pendingInput } from "./files.js";

type Disk = Template["machine"]["disks"][number];

/** Checks that the image of a disk can be read and fits. A missing program is a note. */
async function checkImage(
  collector: Collector,
  path: string,
  { index, disk }: { readonly index: number; readonly disk: Disk },
): Promise<void> {
  const { signal } = collector;
  try {
    const { virtualSize } = await readDiskSource(path, signal);
    if (disk.size === undefined || disk.size >= virtualSize) return;
    const [own, needed] = formatSizes(disk.size, virtualSize);
    const message = `${own} cannot hold the image, which has ${needed}`;
    collector.problem(["machine", "disks", index, "size"], message);
  } catch (thrown) {
    signal.throwIfAborted();
    const { code, message } = asVmbuildError(thrown);
    if (code === "HOST_PROGRAM_MISSING") collector.note(`${message}; the disk was not checked`);
    else collector.problem(["machine", "disks", index, "from"], message);
  }
}

/** Checks the images that disks start from, and the files of the firmware. */
export async function checkDevices(collector: Collector): Promise<void> {
  const { machine, folder } = collector.template;
  for (const [index, disk] of machine.disks.entries()) {
    if (disk.from === undefined) continue;
    const path = resolve(folder, disk.from);
    const input = await pendingInput(collector, path);
    if (input !== undefined) {
      collector.note(
        `the input ${input} has not been fetched; the disk ${disk.name} was not checked`,
      );
      continue;
    }
    const place = ["machine", "disks", index, "from"];
    if (await checkFile(collector, place, path, "file")) {
      await checkImage(collector, path, { index, disk });
    }
  }
  if (typeof machine.firmware === "string") return;
  for (const key of ["code", "variables"] as const) {
    const place = ["machine", "firmware", key];
    await checkFile(collector, place, resolve(folder, machine.firmware[key]), "file");
  }
}
