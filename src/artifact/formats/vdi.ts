import { stableUuid, writeAt } from "../identifiers.js";
import { qemuImgFormat } from "../qemu-img-format.js";

/** Offsets of the image's and the last snapshot's UUID in the header (QEMU's block/vdi.c). */
const UUIDS = [0x188, 0x198] as const;

/** VirtualBox's own format, which grows. */
export const vdi = qemuImgFormat({
  name: "vdi",
  extension: ".vdi",
  compressions: ["none"],
  startable: true,
  async settle(path, { machine }) {
    const edits = UUIDS.map((offset): [number, Buffer] => [
      offset,
      stableUuid(machine, `vdi ${offset}`),
    ]);
    await writeAt(path, edits);
  },
});
