import { readAt, stableBytes, writeAt } from "../identifiers.js";
import { qemuImgFormat } from "../qemu-img-format.js";

const SECTOR = 512;
/** Offsets of the descriptor's place in the header, in sectors (QEMU's block/vmdk.c, VMDK4Header). */
const HEADER = { length: 512, descriptorOffset: 28, descriptorLength: 36 };

/**
 * VMware's format. `monolithicSparse` is a single file that grows; `streamOptimized` is compressed
 * with zlib and read-only until it is imported, as vSphere and OVAs require it.
 */
export const vmdk = qemuImgFormat({
  name: "vmdk",
  extension: ".vmdk",
  compressions: ["none"],
  subformats: ["monolithicSparse", "streamOptimized"],
  startable: true,
  recordsName: true,
  isCompressed: ({ subformat }) => subformat === "streamOptimized",
  flags: ({ subformat = "monolithicSparse" }) => ["-o", `subformat=${subformat}`],
  async settle(path, { machine }) {
    const header = await readAt(path, 0, HEADER.length);
    const offset = Number(header.readBigUInt64LE(HEADER.descriptorOffset)) * SECTOR;
    const length = Number(header.readBigUInt64LE(HEADER.descriptorLength)) * SECTOR;
    const descriptor = await readAt(path, offset, length);
    const text = descriptor.toString("latin1", 0, descriptor.indexOf(0));
    const id = stableBytes(machine, "vmdk").toString("hex").slice(0, 8);
    const settled = Buffer.alloc(length);
    settled.write(text.replace(/^CID=[0-9a-f]+$/m, `CID=${id}`), "latin1");
    await writeAt(path, [[offset, settled]]);
  },
});
