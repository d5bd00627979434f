import { qemuImgFormat } from "../qemu-img-format.js";

/** The disk's bytes as they are, with holes for zeroes. */
export const raw = qemuImgFormat({
  name: "raw",
  extension: ".raw",
  compressions: ["none"],
  startable: true,
  flags: () => [],
});
