import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { imageInfo, createOverlay } from "../../machine/disk.js";
import { readAt, stableBytes, writeAt } from "../identifiers.js";
import { qemuImgFormat } from "../qemu-img-format.js";

const MIB = 2 ** 20;
/** Length of the footer, and the offsets in it (Microsoft's VHD specification, "Hard Disk Footer"). */
const FOOTER = { length: 512, time: 24, checksum: 64, uuid: 68 };

const alignedSize = (size: number): number => Math.ceil(size / MIB) * MIB;

/**
 * Fixed VHD of Hyper-V and Azure. Azure accepts only fixed disks whose size is a whole number of
 * MiB: the disk is enlarged to the next one. `force_size` writes that size instead of the one of a
 * geometry of cylinders, heads and sectors.
 */
export const vhd = qemuImgFormat({
  name: "vhd",
  driver: "vpc",
  extension: ".vhd",
  compressions: ["none"],
  subformats: ["fixed"],
  startable: false,
  // QEMU's limit and Hyper-V's.
  largestDisk: 2040 * 2 ** 30,
  diskSize: alignedSize,
  flags: () => ["-o", "subformat=fixed,force_size=on"],
  async prepare({ source, scratch, signal }) {
    const { virtualSize } = await imageInfo(source, signal, "ARTIFACT_CONVERT");
    const size = alignedSize(virtualSize);
    if (size === virtualSize) return source;
    const path = join(scratch, "aligned.qcow2");
    const backing = resolve(source);
    await createOverlay({ path, backing, backingFormat: "qcow2", size, signal });
    return path;
  },
  async settle(path, { machine }) {
    const at = (await stat(path)).size - FOOTER.length;
    const footer = await readAt(path, at, FOOTER.length);
    footer.fill(0, FOOTER.time, FOOTER.time + 4);
    stableBytes(machine, "vhd").copy(footer, FOOTER.uuid, 0, 16);
    footer.fill(0, FOOTER.checksum, FOOTER.checksum + 4);
    const sum = footer.reduce((total, byte) => total + byte, 0);
    footer.writeUInt32BE(~sum >>> 0, FOOTER.checksum);
    await writeAt(path, [[at, footer]]);
  },
});
