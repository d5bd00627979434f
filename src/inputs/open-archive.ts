/** Opens archives of every supported format. */
import type { Archive } from "./archive.js";
import { openTar } from "./tar.js";
import { openZip } from "./zip.js";

/**
 * Opens an archive and lists its members.
 * @param what the archive, as the subject of a message.
 * @throws {VmbuildError} INPUT_UNPACK when it is damaged or encrypted, HOST_PROGRAM_MISSING.
 */
export async function openArchive(
  path: string,
  form: "tar" | "zip",
  what: string,
  signal: AbortSignal,
): Promise<Archive> {
  return form === "tar" ? openTar(path, what, signal) : openZip(path, what);
}
