/** Small ISO 9660 disks, through xorriso. */
import { rm } from "node:fs/promises";
import { VmbuildError } from "../errors.js";
import { publish, temporaryBeside } from "../host/files.js";
import { endOf, runProgram } from "../host/programs.js";

/**
 * Writes a folder's files as an ISO image with Joliet and Rock Ridge names, whole or not at all.
 * @param label the volume's label; cloud-init wants exactly `CIDATA` (facts: NoCloud).
 * @throws {VmbuildError} HOST_PROGRAM_MISSING without xorriso; DEFECT when it refuses.
 */
export async function writeIso(
  folder: string,
  label: string,
  destination: string,
  signal?: AbortSignal,
): Promise<void> {
  const temporary = temporaryBeside(destination);
  const args = ["-as", "mkisofs", "-quiet", "-volid", label, "-joliet", "-rock", "-o", temporary];
  try {
    const result = await runProgram("xorriso", [...args, folder], { signal });
    if (result.exitCode !== 0) {
      throw new VmbuildError("DEFECT", `xorriso could not write ${destination}: ${endOf(result)}`, {
        lines: result.lastLines,
      });
    }
    await publish(temporary, destination);
  } finally {
    await rm(temporary, { force: true });
  }
}
