import { qemuImgFormat } from "../qemu-img-format.js";

/**
 * QEMU's own format. Its options are the defaults, which every consumer reads; only the type of
 * compression departs from them: zstd needs QEMU 5.1 or later to read.
 */
export const qcow2 = qemuImgFormat({
  name: "qcow2",
  extension: ".qcow2",
  compressions: ["zstd", "zlib", "none"],
  startable: true,
  flags: (compression) => [
    ...(compression === "none" ? [] : ["-c"]),
    ...(compression === "zstd" ? ["-o", "compression_type=zstd"] : []),
  ],
});
