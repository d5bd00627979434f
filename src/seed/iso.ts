/** Writes small ISO 9660 disks with xorriso. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { VmbuildError } from "../errors.js";
import { publish, temporaryBeside } from "../host/files.js";
import { describeExit, runProgram } from "../host/programs.js";

/**
 * Writes the files of a folder as an ISO image with Joliet and Rock Ridge names, atomically.
 * @param label the volume label by which the guest finds the disk, such as `cidata` or `CONTEXT`.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING without xorriso; DEFECT when it fails.
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
      throw new VmbuildError(
        "DEFECT",
        `xorriso could not write ${destination}: ${describeExit(result)}`,
        {
          lines: result.lastLines,
        },
      );
    }
    await publish(temporary, destination);
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Writes a disk of small files with mode 0600, because they may contain keys or passwords.
 * @param files content by name.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING without xorriso; DEFECT when it fails.
 */
export async function writeTextDisk(
  files: Readonly<Record<string, string | Buffer>>,
  label: string,
  destination: string,
  signal?: AbortSignal,
): Promise<void> {
  const folder = await mkdtemp(join(dirname(destination), ".seed-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), content, { mode: 0o600 });
    }
    await writeIso(folder, label, destination, signal);
    await chmod(destination, 0o600);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
