/** Reserves disk space while a snapshot is written, so that a full disk fails early. */
import { rm } from "node:fs/promises";
import { runProgram } from "./programs.js";

/**
 * Reserves `bytes` of disk space while `work` runs. When the space is not available or the file
 * system cannot reserve any, the work runs without a reservation.
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
