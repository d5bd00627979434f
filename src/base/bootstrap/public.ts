/** Interface for rooms that make other disks of Debian's packages than bases. */
export { embedGrub } from "./grub.js";
export { SECTOR } from "./layout.js";
export type { Extent } from "./layout.js";
export { unpackPackages } from "./unpack.js";
