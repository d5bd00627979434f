/** Recognizes the image of a stick. */
import { open } from "node:fs/promises";
import { VmbuildError } from "../../errors.js";
import { statIfThere } from "../../host/files.js";
import { PARTITION_PREFIX } from "../layout.js";

/** Places in GPT for sectors of 512 bytes (UEFI specification, 5.3). Bytes. */
const GPT = {
  header: 512,
  entries: 1024,
  entry: 128,
  count: 128,
  /** Offset of the partition's name in its entry, UTF-16. */
  name: 56,
} as const;

/** Returns whether the beginning of an image has the partition table of a stick. Pure. */
export function isStickTable(head: Buffer): boolean {
  if (head.toString("latin1", GPT.header, GPT.header + 8) !== "EFI PART") return false;
  return Array.from({ length: GPT.count }, (_, index) => GPT.entries + index * GPT.entry).some(
    (offset) =>
      head.toString("utf16le", offset + GPT.name, offset + GPT.entry).startsWith(PARTITION_PREFIX),
  );
}

/**
 * Requires that a file is the image of a stick.
 * @throws {VmbuildError} INPUT_MISSING where there is no file; USAGE where it is something else.
 */
export async function checkStick(path: string): Promise<void> {
  const there = await statIfThere(path);
  if (there === undefined) {
    throw new VmbuildError("INPUT_MISSING", `There is no stick's image at ${path}`, {
      hint: "Make it first: vmbuild installer NAME. Or name another file: --installer FILE.",
    });
  }
  const head = Buffer.alloc(GPT.entries + GPT.count * GPT.entry);
  if (there.isFile()) {
    const file = await open(path, "r");
    try {
      await file.read(head, 0, head.length, 0);
    } finally {
      await file.close();
    }
  }
  if (isStickTable(head)) return;
  throw new VmbuildError("USAGE", `${path} is not the image of an installer stick`, {
    hint: "vmbuild installer NAME makes one.",
  });
}
