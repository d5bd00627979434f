/** Creates the further disks of a machine: empty ones, and copies of images. */
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { readDiskSource } from "../base/disk-source.js";
import { digestOf } from "../checkpoints/content.js";
import type { Manifest } from "../checkpoints/manifest.js";
import type { FileIdentity } from "../checkpoints/records.js";
import { isSameFile, readIdentity } from "../checkpoints/trust.js";
import { VmbuildError } from "../errors.js";
import { makePrivateFolder, requireSpace, statIfThere } from "../host/files.js";
import { formatSizes } from "../host/format.js";
import { createDisk, flattenImage, imageInfo } from "../machine/disk.js";
import { extraDiskPath } from "../machine/extra-disks.js";
import { resizeDisk } from "../machine/resize-disk.js";
import type { Template } from "../template/load.js";
import type { ContextWith } from "./context.js";

/** Image that a disk starts from. */
interface DiskSource {
  /** Absolute. */
  readonly path: string;
  /** Name of QEMU's driver. */
  readonly format: string;
  /** SHA-256 in hexadecimal, and the file's identity when it was computed. */
  readonly digest: string;
  readonly identity: FileIdentity;
  /** Bytes that the file takes on the host's disk. */
  readonly fileSize: number;
}

/** Further disk of a machine, before it is created. */
export interface PlannedDisk {
  readonly name: string;
  /** Virtual size in bytes. */
  readonly size: number;
  readonly source: DiskSource | undefined;
}

type Definition = Template["machine"]["disks"][number];

/**
 * Reads the image of a disk.
 * @throws {VmbuildError} INPUT_MISSING, BASE_INVALID, BASE_TOO_LARGE.
 */
async function planCopy(
  { name, size, from = "" }: Definition,
  folder: string,
  signal: AbortSignal,
): Promise<PlannedDisk> {
  const path = resolve(folder, from);
  if (!(await statIfThere(path))) {
    const message = `The image of the disk "${name}" does not exist: ${path}`;
    throw new VmbuildError("INPUT_MISSING", message, {
      hint: "Correct machine.disks; its paths are relative to the template.",
    });
  }
  const identity = await readIdentity(path);
  const { format, virtualSize } = await readDiskSource(path, signal);
  if (size !== undefined && size < virtualSize) {
    const [own, needed] = formatSizes(size, virtualSize);
    const message = `The disk "${name}" has ${own}, but its image ${path} has ${needed}`;
    throw new VmbuildError("BASE_TOO_LARGE", message, { details: { size, virtualSize } });
  }
  const { fileSize } = await imageInfo(path, signal);
  const digest = await digestOf(path, { signal });
  return { name, size: size ?? virtualSize, source: { path, format, digest, identity, fileSize } };
}

/**
 * Plans the further disks of a template, whose inputs must have been fetched.
 * @throws {VmbuildError} INPUT_MISSING, BASE_INVALID or BASE_TOO_LARGE for an unusable image.
 */
export async function planDisks(
  { machine, folder }: Template,
  signal: AbortSignal,
): Promise<PlannedDisk[]> {
  const disks: PlannedDisk[] = [];
  for (const definition of machine.disks) {
    const { name, size, from } = definition;
    const isEmpty = from === undefined;
    disks.push(
      isEmpty
        ? { name, size: size ?? 0, source: undefined }
        : await planCopy(definition, folder, signal),
    );
  }
  return disks;
}

const imageEntry = (name: string, { digest }: DiskSource): [string, string] => [
  `image of the disk ${name}`,
  `sha256:${digest}`,
];

/** Describes the disks for the manifest of the machine before the first step. */
export function describeDisks(disks: readonly PlannedDisk[]): Manifest {
  const entries = disks.flatMap(({ name, size, source }): [string, string][] => [
    [`disk ${name}`, `${size / 2 ** 20} MiB`],
    ...(source ? [imageEntry(name, source)] : []),
  ]);
  return Object.fromEntries(entries);
}

async function copyImage(
  disk: PlannedDisk & { readonly source: DiskSource },
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { name, size, source } = disk;
  await requireSpace(path, source.fileSize, `The disk "${name}"`);
  await flattenImage({
    source: source.path,
    format: source.format,
    destination: path,
    signal,
    onPercent: () => {},
  });
  const { virtualSize } = await imageInfo(path, signal);
  if (size > virtualSize) await resizeDisk(path, size, signal);
  if (!isSameFile(await readIdentity(source.path), source.identity)) {
    const message = `The image ${source.path} changed while the disk "${name}" was copied from it`;
    throw new VmbuildError("BASE_INVALID", message, { hint: "Run the command again." });
  }
}

/**
 * Creates the disks, replacing existing ones.
 * @throws {VmbuildError} BASE_INVALID, HOST_SPACE.
 */
export async function createDisks(
  { workspace, options }: ContextWith<"workspace" | "options">,
  disks: readonly PlannedDisk[],
): Promise<void> {
  const { disks: folder } = workspace.work;
  const { signal } = options;
  await rm(folder, { recursive: true, force: true });
  if (disks.length === 0) return;
  await makePrivateFolder(folder);
  for (const disk of disks) {
    const path = extraDiskPath(folder, disk.name);
    const { source } = disk;
    if (source) await copyImage({ ...disk, source }, path, signal);
    else await createDisk(path, disk.size, signal);
  }
}
