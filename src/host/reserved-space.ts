/** A file that only takes room, so that whoever fills the disk does not take the last of it. */
import { rm } from "node:fs/promises";
import { runProgram } from "./programs.js";

/**
 * Takes `bytes` of the disk while something works. Where the file system has no room for it, or
 * no way to reserve any, the work goes on without.
 */
export async function withReservedSpace<T>(
  path: string,
  bytes: number,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    await runProgram("fallocate", ["--length", String(bytes), path], { signal });
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}
