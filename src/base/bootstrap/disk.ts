/**
 * Creates a disk image from a root file system in a folder, without root, loop devices or mounts.
 */
import { open, readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError } from "../../errors.js";
import type { Emit } from "../../events/types.js";
import type { DebianPort } from "../../machine/architectures/architecture.js";
import { publish, temporaryBeside } from "../../host/files.js";
import type { RunOptions, RunResult } from "../../host/programs.js";
import { describeExit, runProgram } from "../../host/programs.js";
import { embedGrub } from "./grub.js";
import type { Layout } from "./layout.js";
import { SECTOR } from "./layout.js";
import type { Rights } from "./namespace.js";

/** Inputs and outputs of the disk image. Paths are absolute. */
export interface DiskJob {
  readonly layout: Layout;
  readonly port: DebianPort;
  readonly rights: Rights;
  /** Root file system. */
  readonly tree: string;
  /**
   * Folder with GRUB's images: the boot loader for UEFI with what it loads under secure boot, and
   * core.img and boot.img for a BIOS.
   */
  readonly out: string;
  /** The boot loader for UEFI is the shim, which loads a signed GRUB. */
  readonly secureBoot: boolean;
  /** Raw image to write. */
  readonly raw: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** PATH with the superuser's folders, which a normal user's PATH often lacks. */
const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

async function runOrThrow(
  job: Pick<DiskJob, "emit" | "signal">,
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const result = await runProgram(file, args, {
    ...options,
    signal: job.signal,
    env: { PATH, ...options.env },
    onLine: (line, stream) => job.emit({ type: "output", source: file, stream, line }),
  });
  if (result.exitCode === 0) return result;
  const full = result.lastLines.some((line) => line.includes("Could not allocate block"));
  throw new VmbuildError("BASE_BOOTSTRAP", `${file} failed (${describeExit(result)})`, {
    lines: result.lastLines,
    hint: full ? "The packages do not fit; increase base.bootstrap.size." : undefined,
  });
}

/**
 * Fills the root partition. The owner of the tree's files may have no access to the caller's
 * private folder, so the image is passed as an open file and accessed through /proc/self/fd.
 */
async function fillRoot(job: DiskJob): Promise<void> {
  const { root, rootUuid } = job.layout;
  const mkfs = ["mkfs.ext4", "-q", "-F", "-L", "root", "-U", rootUuid, "-m", "1"];
  // Features that older e2fsprogs and GRUB do not support are disabled. Everything is initialised
  // now, because the guest would otherwise do it and enlarge each overlay.
  const features = ["-O", "^orphan_file,^metadata_csum_seed"];
  const extended = [
    `offset=${root.offset}`,
    "lazy_itable_init=0",
    "lazy_journal_init=0",
    "nodiscard",
    "root_owner=0:0",
  ];
  const command = [
    ...(job.rights.mapped ? ["mmdebstrap", "--unshare-helper"] : []),
    ...mkfs,
    ...features,
    ...["-E", extended.join(","), "-d", job.tree],
    ...["/proc/self/fd/9", `${root.size / 1024}k`],
  ];
  await runOrThrow(job, "bash", [
    "-c",
    'exec 9<>"$1"; shift; exec "$@"',
    "bash",
    job.raw,
    ...command,
  ]);
}

/**
 * Creates the EFI system partition with the boot loader at the path that UEFI uses by default.
 */
async function fillEsp(job: DiskJob): Promise<void> {
  const { esp, espSerial } = job.layout;
  await runOrThrow(job, "mkfs.vfat", [
    ...[
      "-F",
      "16",
      "--offset",
      String(esp.offset / SECTOR),
      "-i",
      espSerial,
      "-n",
      "ESP",
      "--invariant",
    ],
    ...[job.raw, String(esp.size / 1024)],
  ]);
  const image = `${job.raw}@@${esp.offset}`;
  await runOrThrow(job, "mmd", ["-i", image, "::/EFI", "::/EFI/BOOT"]);
  const { efiLoader, signedLoaders } = job.port;
  const loader = join(job.out, efiLoader);
  await runOrThrow(job, "mcopy", ["-i", image, loader, `::/EFI/BOOT/${efiLoader}`]);
  if (!job.secureBoot || !signedLoaders) return;
  await runOrThrow(job, "mmd", ["-i", image, "::/EFI/debian"]);
  const places = [
    ...Object.keys(signedLoaders.beside).map((name) => [name, `::/EFI/BOOT/${name}`] as const),
    ["grub.cfg", "::/EFI/debian/grub.cfg"] as const,
  ];
  for (const [name, path] of places) {
    await runOrThrow(job, "mcopy", ["-i", image, join(job.out, name), path]);
  }
}

/** Writes the raw image: partition table, file systems, boot loaders. */
export async function makeDisk(job: DiskJob): Promise<void> {
  const file = await open(job.raw, "wx", 0o600);
  try {
    await truncate(job.raw, job.layout.size);
    // Needed for /proc/self/fd only; other users cannot enter the folder.
    await file.chmod(0o666);
    const sfdisk = ["--quiet", "--no-reread", "--no-tell-kernel", job.raw];
    await runOrThrow(job, "sfdisk", sfdisk, { input: job.layout.sfdisk });
    await fillEsp(job);
    await fillRoot(job);
    const { biosBoot } = job.layout;
    if (biosBoot === undefined) return;
    const boot = await readFile(join(job.out, "boot.img"));
    const core = await readFile(join(job.out, "core.img"));
    await embedGrub(file, biosBoot, boot, core);
  } finally {
    await file.close();
  }
}

/** Converts the raw image to a sparse, uncompressed qcow2 image, which is read fastest. */
export async function convertDisk(job: DiskJob, destination: string): Promise<void> {
  const temporary = temporaryBeside(destination);
  try {
    const formats = ["-f", "raw", "-O", "qcow2"];
    // The raw image was just written and is in the page cache.
    await runOrThrow(job, "qemu-img", ["convert", ...formats, "-W", "-m", "8", job.raw, temporary]);
    await publish(temporary, destination);
  } finally {
    await rm(temporary, { force: true });
  }
}
