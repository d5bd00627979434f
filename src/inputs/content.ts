/** Recognizes the kind of a file by its content, because an extension proves nothing. */
import { open } from "node:fs/promises";
import type { Content, Sample } from "./content-kind.js";
import { documentIn } from "./document-kind.js";
import { magicIn } from "./magic.js";
import { diskIn } from "./raw-disk.js";
import { HEAD_BYTES, readAt } from "./read-at.js";

const TAIL_BYTES = 512;

/** Recognizes a file by its first and last bytes. Pure. */
export function recognize(sample: Sample): Content {
  if (sample.head.length === 0) return { kind: "other", what: "empty" };
  return (
    magicIn(sample) ??
    documentIn(sample.head) ??
    diskIn(sample.head) ?? { kind: "other", what: describeUnknown(sample.head) }
  );
}

function describeUnknown(head: Buffer): string {
  const zeros = head.every((byte) => byte === 0);
  const begins = zeros ? "a file that begins with zeros" : "data of an unknown kind";
  return `${begins}, without a partition table, boot sector or file system`;
}

/**
 * Recognizes a file of this host.
 * @param whole false when the file is only the beginning of another file, so that its last bytes
 *   mean nothing.
 * @throws errors of the file system; EISDIR for a folder.
 */
export async function recognizeFile(path: string, whole = true): Promise<Content> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const head = await readAt(handle, 0, HEAD_BYTES);
    const hasTail = whole && size >= TAIL_BYTES;
    const tail = hasTail ? await readAt(handle, size - TAIL_BYTES, TAIL_BYTES) : Buffer.alloc(0);
    return recognize({ head, tail });
  } finally {
    await handle.close();
  }
}
