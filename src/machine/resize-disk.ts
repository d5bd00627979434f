/** Enlarges disks with qemu-img. */
import { resolve } from "node:path";
import { VmbuildError } from "../errors.js";
import { describeExit, runProgram } from "../host/programs.js";

const SECTOR = 512;

/**
 * Enlarges a qcow2 disk that no machine uses.
 * @param size virtual size in bytes; it is rounded up to whole sectors.
 * @throws {VmbuildError} BASE_INVALID with qemu-img's output.
 */
export async function resizeDisk(path: string, size: number, signal: AbortSignal): Promise<void> {
  const whole = Math.ceil(size / SECTOR) * SECTOR;
  const args = ["resize", "-q", "-f", "qcow2", resolve(path), String(whole)];
  const result = await runProgram("qemu-img", args, { signal });
  if (result.exitCode === 0) return;
  const message = `Cannot enlarge ${path}: qemu-img: ${describeExit(result)}`;
  throw new VmbuildError("BASE_INVALID", message, { lines: result.lastLines });
}
