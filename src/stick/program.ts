/** Defines where the installer's program is. */
import { fileURLToPath } from "node:url";

/** Folder with make-live and the installer's program, in the source tree and in the package. */
export const PROGRAM_FOLDER = fileURLToPath(
  new URL("../../appliances/usb-installer", import.meta.url),
);
