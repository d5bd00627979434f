/**
 * Unpacks compressed inputs beside their archive, once. The content determines the format, not the
 * extension.
 */
import { createReadStream } from "node:fs";
import { copyFile, constants, link, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { publish, statIfThere, temporaryBeside } from "../host/files.js";
import type { ProgramName } from "../host/programs.js";
import { safeName } from "./address.js";
import { recognizeFile } from "./content.js";
import type { FullContext } from "./context.js";
import { writeProgramOutput, UNPACKERS } from "./program-output.js";
import { createProgress } from "./progress.js";

/** Extensions of compressed files, and their replacement in the unpacked name. */
const ENDINGS: readonly (readonly [RegExp, string])[] = [
  [/\.(xz|gz|zst|zstd|bz2|lz4|lzma)$/i, ""],
  [/\.(tgz|txz|tbz2?|tzst)$/i, ".tar"],
];

/** Programs that unpack files, by the usual extensions. */
const PROGRAMS: readonly (readonly [RegExp, ProgramName])[] = [
  [/\.(xz|txz|lzma)$/i, "xz"],
  [/\.(zst|zstd|tzst)$/i, "zstd"],
  [/\.(gz|tgz)$/i, "gzip"],
  [/\.(bz2|tbz2?)$/i, "bzip2"],
  [/\.lz4$/i, "lz4"],
  [/\.(tar(\.\w+)?|t(gz|xz|zst|bz2?)|ova)$/i, "tar"],
];

/**
 * Returns the programs that unpacking a file of this name runs; none where the name does not show
 * the format.
 */
export function unpackPrograms(name: string): ProgramName[] {
  return PROGRAMS.flatMap(([ending, program]) => (ending.test(name) ? [program] : []));
}

/** Returns the path of the unpacked content; the path itself for files that are not compressed. */
export function unpackedPath(path: string): string {
  const found = ENDINGS.find(([pattern]) => pattern.test(path));
  if (!found) return path;
  return join(dirname(path), safeName(basename(path).replace(...found)));
}

/** Creates a hard link or a copy of a file that needs no unpacking. */
async function linkOrCopy(path: string, target: string): Promise<void> {
  await rm(target, { force: true });
  try {
    await link(path, target);
  } catch (error) {
    // Some file systems have no hard links.
    if (!["EPERM", "ENOTSUP", "EMLINK"].includes(systemCode(error) ?? "")) throw error;
    await copyFile(path, target, constants.COPYFILE_FICLONE);
  }
}

/**
 * Unpacks an archive to {@link unpackedPath}, completely or not at all. A file that is not
 * compressed, whatever its extension, is put there unchanged.
 * @param name the name of the input, for progress and messages.
 * @throws {VmbuildError} INPUT_UNPACK with the program's output, or when a compressed file does
 *   not have the extension of one; HOST_SPACE, HOST_PROGRAM_MISSING; the signal's own reason when
 *   it aborted.
 */
export async function unpack(archive: string, name: string, context: FullContext): Promise<void> {
  const content = await recognizeFile(archive);
  const target = unpackedPath(archive);
  if (content.kind !== "compressed") {
    if (target !== archive) await linkOrCopy(archive, target);
    return;
  }
  const what = basename(archive);
  if (target === archive) {
    throw new VmbuildError(
      "INPUT_UNPACK",
      `${what} is ${content.what}, but its name does not end accordingly`,
      {
        hint: `Use an address with the usual file name extension, such as ${what}.gz or ${what}.xz, or omit "unpack".`,
      },
    );
  }
  const temporary = temporaryBeside(target);
  const total = Number((await statIfThere(archive))?.size ?? 0);
  const label = `unpack ${what}`;
  const progress = createProgress(context.emit, context.clock, `unpack:${name}`, label);
  let done = 0;
  const input = createReadStream(archive, { highWaterMark: 1024 * 1024 });
  input.on("data", (chunk) => progress.at((done += chunk.length), total));
  try {
    const { signal } = context;
    const command = UNPACKERS[content.by];
    const limit = Number.MAX_SAFE_INTEGER - 1;
    await writeProgramOutput({ target: temporary, command, input, limit, what, signal });
    await publish(temporary, target);
    progress.finish(total);
  } finally {
    input.destroy();
    await rm(temporary, { force: true });
  }
}
