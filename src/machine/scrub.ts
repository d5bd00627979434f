/**
 * Overwrites texts in a stopped machine's disk. A deleted file's bytes stay in their blocks:
 * trimming frees whole clusters only (64 KiB; QEMU drops what is less), and cloud-init replaces
 * its files, so that copies lie where nothing inside the guest finds them any more.
 */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import { describeExit, runProgram } from "../host/programs.js";

/** A part of the disk that has data of its own: where the guest sees it, and where it lies. */
interface Extent {
  readonly start: number;
  readonly length: number;
  readonly offset: number;
}

/** The fields of `qemu-img map --output=json` (qapi/block-core.json, MapEntry). */
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
/** An argument list has room for some hundred commands. */
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

/** Where the texts are, as the guest counts: by offset, each with its length. */
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
    // A text may begin in one extent and end in the next, wherever that lies in the file.
    if (start !== end) kept = 0;
    end = start + length;
    for (let at = 0; at < length; at += CHUNK) {
      signal.throwIfAborted();
      const size = Math.min(CHUNK, length - at);
      const { bytesRead } = await file.read(buffer, kept, size, offset + at);
      // The last cluster's end may never have been written.
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
 * Overwrites each occurrence of the texts in what the guest would read from the disk and its
 * backing image does not hold. Snapshots inside the disk stay as they are.
 * @param disk a qcow2 image that no machine uses.
 * @param texts ASCII.
 * @returns how many there were.
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
