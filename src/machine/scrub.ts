/**
 * Overwrites texts such as keys in the disk of a stopped machine. The bytes of a deleted file stay
 * in their blocks: trimming frees only whole clusters (64 KiB; QEMU ignores smaller ranges), and
 * cloud-init replaces its files, so copies remain where nothing inside the guest can find them.
 */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import { describeExit, runProgram } from "../host/programs.js";

/** Allocated part of a disk: its guest offset and its offset in the file. */
interface Extent {
  readonly start: number;
  readonly length: number;
  readonly offset: number;
}

/** Fields of `qemu-img map --output=json` (qapi/block-core.json, MapEntry). */
const mapAnswer = z.array(
  z.object({
    start: z.number(),
    length: z.number(),
    depth: z.number(),
    data: z.boolean(),
    zero: z.boolean(),
    offset: z.number().optional(),
  }),
);

const CHUNK = 4 * 2 ** 20;
/** Number of write commands per call; an argument list has room for some hundred. */
const WRITES_AT_ONCE = 200;

async function allocatedExtents(disk: string, signal: AbortSignal): Promise<Extent[]> {
  const args = ["map", "-f", "qcow2", "--output=json", disk];
  const result = await runProgram("qemu-img", args, { signal, captureOutput: true });
  if (result.exitCode !== 0) {
    throw new VmbuildError(
      "ARTIFACT_CONVERT",
      `qemu-img cannot map ${disk}: ${describeExit(result)}`,
      {
        lines: result.lastLines,
      },
    );
  }
  return mapAnswer.parse(JSON.parse(result.stdout)).flatMap((entry) => {
    const { start, length, depth, data, zero, offset } = entry;
    return depth === 0 && data && !zero && offset !== undefined ? [{ start, length, offset }] : [];
  });
}

/** Yields the guest offset and length of each occurrence, by ascending offset. */
async function* findTexts(
  file: FileHandle,
  extents: readonly Extent[],
  texts: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<[offset: number, length: number]> {
  const overlap = Math.max(...texts.map((text) => text.length)) - 1;
  const buffer = Buffer.alloc(overlap + CHUNK);
  let kept = 0;
  let end = -1;
  for (const { start, length, offset } of extents) {
    // A text may start in one extent and continue in the next one, if they are adjacent for the
    // guest.
    if (start !== end) kept = 0;
    end = start + length;
    for (let at = 0; at < length; at += CHUNK) {
      signal.throwIfAborted();
      const size = Math.min(CHUNK, length - at);
      const { bytesRead } = await file.read(buffer, kept, size, offset + at);
      // The end of the last cluster may never have been written.
      buffer.fill(0, kept + bytesRead, kept + size);
      const here = buffer.subarray(0, kept + size);
      for (const text of texts) {
        for (let hit = here.indexOf(text); hit !== -1; hit = here.indexOf(text, hit + 1)) {
          yield [start + at - kept + hit, text.length];
        }
      }
      kept = Math.min(overlap, here.length);
      buffer.copyWithin(0, here.length - kept, here.length);
    }
  }
}

/**
 * Overwrites each occurrence of the texts in the data of the disk that is not in its backing image.
 * Snapshots inside the disk are not changed.
 * @param disk a qcow2 image that no machine uses.
 * @param texts ASCII.
 * @returns the number of occurrences.
 * @throws {VmbuildError} ARTIFACT_CONVERT when the disk cannot be read or written.
 */
export async function scrubDisk(
  disk: string,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const extents = await allocatedExtents(disk, signal);
  const writes: string[] = [];
  {
    await using file = await open(disk, "r");
    for await (const [offset, length] of findTexts(file, extents, texts, signal)) {
      writes.push("-c", `write -q -P 0 ${offset} ${length}`);
    }
  }
  for (let at = 0; at < writes.length; at += 2 * WRITES_AT_ONCE) {
    const some = writes.slice(at, at + 2 * WRITES_AT_ONCE);
    const result = await runProgram("qemu-io", ["-f", "qcow2", ...some, disk], { signal });
    if (result.exitCode === 0) continue;
    throw new VmbuildError(
      "ARTIFACT_CONVERT",
      `qemu-io cannot write ${disk}: ${describeExit(result)}`,
      {
        lines: result.lastLines,
      },
    );
  }
  return writes.length / 2;
}
