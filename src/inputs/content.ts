/** The kind of a file, read from its content: the ending of a name says nothing certain. */
import { open } from "node:fs/promises";
import type { Content, Sample } from "./content-kind.js";
import { documentIn } from "./document-kind.js";
import { magicIn } from "./magic.js";
import { diskIn } from "./raw-disk.js";
import { HEAD_BYTES, readAt } from "./read-at.js";

const TAIL_BYTES = 512;

/** Recognises a file by bytes of it. Pure. */
export function recognise(sample: Sample): Content {
  if (sample.head.length === 0) return { kind: "other", what: "empty" };
  return (
    magicIn(sample) ??
    documentIn(sample.head) ??
    diskIn(sample.head) ?? { kind: "other", what: strangerIn(sample.head) }
  );
}

function strangerIn(head: Buffer): string {
  const zeros = head.every((byte) => byte === 0);
  const begins = zeros ? "a file that begins with zeros" : "data of an unknown kind";
  return `${begins}, without a partition table, boot sector or file system`;
}

/**
 * Recognises a file of this host.
 * @param whole false for the beginning of a file alone, whose end says nothing.
 * @throws what the file system says; EISDIR for a folder.
 */
export async function recogniseFile(path: string, whole = true): Promise<Content> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const head = await readAt(handle, 0, HEAD_BYTES);
    const hasTail = whole && size >= TAIL_BYTES;
    const tail = hasTail ? await readAt(handle, size - TAIL_BYTES, TAIL_BYTES) : Buffer.alloc(0);
    return recognise({ head, tail });
  } finally {
    await handle.close();
  }
}
