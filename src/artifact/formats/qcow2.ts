import { qemuImgFormat } from "../qemu-img-format.js";

/**
 * QEMU's own format. It uses the default options, which every program can read, except for the
 * compression type: zstd needs QEMU 5.1 or later.
 */
export const qcow2 = qemuImgFormat({
  name: "qcow2",
  extension: ".qcow2",
  compressions: ["zstd", "zlib", "none"],
  startable: true,
  parallel: true,
  flags: ({ compression }) => [
    ...(compression === "none" ? [] : ["-c"]),
    ...(compression === "zstd" ? ["-o", "compression_type=zstd"] : []),
  ],
});
