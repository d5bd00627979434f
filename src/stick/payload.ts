/** Checks the image that a stick is to install, as the installer does later. */
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { checksumPath } from "../artifact/checksum-files.js";
import { VmbuildError, messageOf } from "../errors.js";
import { isStickName } from "./exfat-entries.js";

/** Endings of the files that the installer recognizes. */
const PAYLOAD_ENDINGS = /\.(qcow2|raw|img|raw\.zst|img\.zst|raw\.gz|img\.gz|tar)$/i;

/** Endings of files whose beginning is that of an image. */
const PLAIN_ENDINGS = /\.(qcow2|raw|img)$/i;

/** Bytes of the boot record of a disk. */
const BOOT_RECORD = 512;

/** Returns whether the installer recognizes a file with this name as an image. */
export function isPayloadName(name: string): boolean {
  return PAYLOAD_ENDINGS.test(name);
}

/**
 * Returns why the installer would refuse an image that begins with these bytes; undefined where it
 * would not. Pure.
 */
function problemOf(name: string, head: Buffer): string | undefined {
  if (head.toString("latin1", 0, 4) === "QFI\u00fb") {
    if (head.readBigUInt64BE(8) !== 0n) return "needs a backing file; give a complete image";
    return head.readUInt32BE(32) === 0 ? undefined : "is encrypted";
  }
  if (/\.qcow2$/i.test(name)) return "is not a qcow2 image";
  return head.readUInt16BE(510) === 0x55aa
    ? undefined
    : "is not the image of a disk: it has no boot record";
}

async function checkContent(path: string): Promise<void> {
  await using file = await open(path, "r");
  const head = Buffer.alloc(BOOT_RECORD);
  await file.read(head, 0, head.length, 0);
  const problem = problemOf(basename(path), head);
  if (problem !== undefined) throw new VmbuildError("USAGE", `${path} ${problem}`);
}

/**
 * Checks the payload and returns its size in bytes. Of compressed images and bundles, the content
 * is not checked.
 * @throws {VmbuildError} USAGE, INPUT_MISSING.
 */
export async function checkPayload(path: string): Promise<number> {
  const name = basename(path);
  if (!isPayloadName(name)) {
    throw new VmbuildError("USAGE", `The installer does not recognize ${name} as an image`, {
      hint: "Its name must end in .qcow2, .raw, .img, .raw.zst, .raw.gz or .tar.",
    });
  }
  if (!isStickName(checksumPath(name, "sha256")) || name.startsWith(".")) {
    throw new VmbuildError("USAGE", `${JSON.stringify(name)} cannot be a name on the stick`, {
      hint: "Rename it: letters of ASCII, digits and the usual punctuation, at most 248 characters.",
    });
  }
  const status = await stat(path).catch((cause: unknown) => {
    throw new VmbuildError("INPUT_MISSING", `The image ${path} cannot be read`, {
      hint: `Check the path: ${messageOf(cause)}`,
      cause,
    });
  });
  if (!status.isFile()) throw new VmbuildError("USAGE", `${path} is not a regular file`);
  if (status.size === 0) throw new VmbuildError("USAGE", `${path} is empty`);
  if (PLAIN_ENDINGS.test(name)) await checkContent(path);
  return status.size;
}
