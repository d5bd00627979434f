/** Keeps a base as it is for as long as a build uses it, whatever happens to its name. */
import { copyFile, constants, link, realpath, rm } from "node:fs/promises";
import { systemCode } from "../errors.js";

/**
 * Gives the base a second name inside the build's folder. The cache replaces a file whose content
 * changed under its old name; an overlay that found other bytes below it would silently become a
 * wrong image. Where the two are on different file systems, a copy (a reflink where it can) does.
 */
export async function pinBase(path: string, pin: string): Promise<string> {
  await rm(pin, { force: true });
  try {
    // A hard link to a symbolic link would be a second name of the link, not of the image.
    await link(await realpath(path), pin);
  } catch (error) {
    // EPERM: a file of somebody else's, which the kernel may not let us link to.
    if (!["EXDEV", "EPERM", "EMLINK", "EACCES"].includes(systemCode(error) ?? "")) throw error;
    await copyFile(path, pin, constants.COPYFILE_FICLONE);
  }
  return pin;
}
