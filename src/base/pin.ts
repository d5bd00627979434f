/** Protects the base of a build from changes of the original file. */
import { copyFile, constants, link, realpath, rm } from "node:fs/promises";
import { systemCode } from "../errors.js";
import { keepDigest } from "../inputs/digest-cache.js";

/**
 * Creates a hard link to the base in the build's folder. The cache replaces a file whose content
 * has changed; an overlay on another base would silently become a corrupt image. Between different
 * file systems the base is copied, as a reflink where possible.
 */
export function pinBase(path: string, pin: string): Promise<string> {
  return keepDigest(path, () => linkOrCopy(path, pin));
}

async function linkOrCopy(path: string, pin: string): Promise<string> {
  await rm(pin, { force: true });
  try {
    // A hard link to a symbolic link would refer to the link instead of the image.
    await link(await realpath(path), pin);
  } catch (error) {
    // EPERM: the kernel may not allow a link to another user's file.
    if (!["EXDEV", "EPERM", "EMLINK", "EACCES"].includes(systemCode(error) ?? "")) throw error;
    await copyFile(path, pin, constants.COPYFILE_FICLONE);
  }
  return pin;
}
