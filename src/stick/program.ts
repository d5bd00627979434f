/** Defines where the installer's program is. */
import { packageFile } from "../host/package-files.js";

/** Folder with make-live and the installer's program, in the source tree and in the package. */
export const PROGRAM_FOLDER = packageFile("appliances/usb-installer");
