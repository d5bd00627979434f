import { qemuImgFormat } from "../qemu-img-format.js";

/** Uncompressed bytes of the disk; the file is sparse where the disk contains zeros. */
export const raw = qemuImgFormat({
  name: "raw",
  extension: ".raw",
  compressions: ["none"],
  startable: true,
  parallel: true,
});
