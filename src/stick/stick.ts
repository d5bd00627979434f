/** Makes the image of a stick that installs a disk image on a machine. */
import { randomBytes } from "node:crypto";
import { constants, copyFile, mkdtemp, open, rm, truncate } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { checksumPath, formatChecksum } from "../artifact/checksum-files.js";
import { digestFile } from "../artifact/digest.js";
import { folderError } from "../artifact/failures.js";
import {
  makeFolder,
  publish,
  requireSpace,
  temporaryBeside,
  writeFileAtomic,
} from "../host/files.js";
import type { ProgramName } from "../host/programs.js";
import { requirePrograms } from "../requirements/host.js";
import { writeData } from "./data.js";
import { ESP, PARTITION_PREFIX, SMALLEST_STICK, grubMenu, partitionTable } from "./layout.js";
import { commonPart } from "./live.js";
import type { StickContext } from "./live.js";
import { checkPayload } from "./payload.js";
import { checkArchitecture, checkLabel, checkTarget, checksumsOf, stickSize } from "./request.js";
import type { StickPlan, StickRequest } from "./request.js";
import { checkSettings } from "./settings.js";
import { runTool } from "./tool.js";

export type { StickRequest } from "./request.js";
export { isPayloadName } from "./payload.js";
export { MODES } from "./settings.js";

/** Code for a BIOS in the first sector; the partition table follows. Bytes. */
const BOOT_CODE_BYTES = 440;

/** Programs of this host that make a stick. */
const PROGRAMS: readonly ProgramName[] = [
  "mmdebstrap",
  "mkfs.vfat",
  "mcopy",
  "sfdisk",
  "mkfs.exfat",
];

/** Finished stick. */
export interface Stick {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** sha256 of the stick's image in hexadecimal. */
  readonly sha256: string;
  readonly payload: { readonly name: string; readonly size: number; readonly sha256: string };
}

/** Writes the common part, the partition table and the menu. */
async function startStick(
  temporary: string,
  { size }: StickPlan,
  context: StickContext,
): Promise<void> {
  // Each image has its own name, by which the live system finds the stick that it was started from
  // in a machine with several. GPT's names have at most 36 characters.
  const partition = `${PARTITION_PREFIX}${randomBytes(8).toString("hex")}`;
  const common = await commonPart(context);
  await copyFile(common, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  await truncate(temporary, size);
  const keep = ["--wipe", "never", "--wipe-partitions", "never"];
  const sfdisk = ["--quiet", "--no-reread", "--no-tell-kernel", ...keep, temporary];
  await runTool("sfdisk", sfdisk, { ...context, input: partitionTable(size, partition) });
  const menu = { ...context, input: grubMenu(partition) };
  const image = `${temporary}@@${ESP.offset}`;
  await runTool("mcopy", ["-i", image, "-", "::/EFI/debian/grub.cfg"], menu);
  // sfdisk may have written to the whole first sector.
  const source = await open(common, "r");
  const target = await open(temporary, "r+");
  try {
    const code = Buffer.alloc(BOOT_CODE_BYTES);
    await source.read(code, 0, code.length, 0);
    await target.write(code, 0, code.length, 0);
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

/** Returns the path of the image of a stick in a folder of outputs, where no other is given. */
export function stickImage(folder: string, name: string): string {
  const file = `${name}-installer`;
  return join(folder, file, `${file}.img`);
}

/** Makes the stick under a temporary name; returns the payload's sha256. */
async function writeStick(
  temporary: string,
  request: StickRequest,
  plan: StickPlan,
  context: StickContext,
): Promise<string> {
  await startStick(temporary, plan, context);
  const file = await open(temporary, "r+");
  try {
    return await writeData(file, request, plan, context);
  } finally {
    await file.close();
  }
}

/**
 * Makes the image of a stick, and its checksum file. An incomplete image never appears under the
 * final name.
 * @throws {VmbuildError} USAGE, INPUT_MISSING, BASE_BOOTSTRAP, ARTIFACT_STICK, ARTIFACT_INVALID,
 *   ARTIFACT_DIGEST, ARTIFACT_SPACE, OUTPUT_UNWRITABLE, HOST_SPACE, HOST_PROGRAM_MISSING,
 *   HOST_UNSUPPORTED; the signal's reason.
 */
export async function makeStick(request: StickRequest, context: StickContext): Promise<Stick> {
  const { target } = request;
  checkLabel(request.label);
  checkArchitecture(request.arch);
  const payload = await checkPayload(request.payload);
  const size = stickSize(request, payload);
  await checkTarget(request);
  const checksums = await checksumsOf(request);
  await requirePrograms(PROGRAMS);
  await makeFolder(dirname(target)).catch((error: unknown) => {
    throw folderError(dirname(target), error);
  });
  await requireSpace(target, payload + SMALLEST_STICK, "the image of a stick");
  if (checksums.size === 0) {
    const message = `${basename(request.payload)} has no checksum, so damage to it is not noticed`;
    context.emit({ type: "warning", message });
  }
  const workFolder = await mkdtemp(join(dirname(target), ".stick-"));
  const temporary = temporaryBeside(target);
  try {
    if (request.settings !== undefined) {
      await checkSettings(request.settings, basename(request.payload), workFolder, context.signal);
    }
    const plan = { size, payload, checksums, workFolder };
    const sum = await writeStick(temporary, request, plan, context);
    const { sha256 } = await digestFile(temporary, ["sha256"], context);
    const sumFile = checksumPath(target, "sha256");
    // A sum of the old image beside the new one would be wrong; none is not.
    await rm(sumFile, { force: true });
    await publish(temporary, target);
    await writeFileAtomic(sumFile, formatChecksum(sha256, basename(target)));
    const name = basename(request.payload);
    return { path: target, size, sha256, payload: { name, size: payload, sha256: sum } };
  } finally {
    await rm(temporary, { force: true });
    await rm(workFolder, { recursive: true, force: true });
  }
}
