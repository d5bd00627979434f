/**
 * Makes the part that all sticks have in common: GRUB for a BIOS, and the EFI system partition with
 * the signed boot loaders, Debian's kernel and the live system. It is cached.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { embedGrub } from "../base/bootstrap/grub.js";
import { ERROR_LINE, explainFailure } from "../base/bootstrap/failures.js";
import { SECTOR } from "../base/bootstrap/layout.js";
import { findRights } from "../base/bootstrap/namespace.js";
import { makeScratch, removeAbandonedScratch } from "../base/bootstrap/scratch.js";
import { archiveKeyring, formatSources, hostSources } from "../base/bootstrap/sources.js";
import { runSupervised } from "../base/bootstrap/supervise.js";
import { getCachedImage } from "../base/cached-image.js";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { publish, temporaryBeside } from "../host/files.js";
import { shellQuote } from "../host/programs.js";
import { x8664 } from "../machine/architectures/x86-64.js";
import { BIOS_BOOT, DATA_OFFSET, ESP, ESP_NUMBER } from "./layout.js";
import { PROGRAM_FOLDER } from "./program.js";
import { runTool } from "./tool.js";

/** Version of the procedure; part of the cache key. */
const RECIPE = 1;

/** Release of Debian that the live system is made of. */
const SUITE = "bookworm";

/** Packages whose files make-live uses, and what it runs itself. */
const PACKAGES = [
  ...["linux-image-amd64", "busybox-static", "kmod", "qemu-utils", "zstd", "fdisk"],
  ...["shim-signed", "grub-efi-amd64-signed", "grub-pc-bin", "grub-common"],
  ...["cpio", "coreutils", "dash", "findutils", "sed"],
];

/** Serial number of the EFI system partition's file system, in hexadecimal. */
const ESP_SERIAL = "56425549";

/** Parts of the work. */
export interface StickContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** Returns the cache key: packages, suite and the content of the program. */
async function liveKey(): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([RECIPE, SUITE, PACKAGES]));
  const files = [
    join(PROGRAM_FOLDER, "make-live"),
    ...(await filesBelow(join(PROGRAM_FOLDER, "live"))),
  ];
  for (const file of files) {
    hash.update(`\0${file.slice(PROGRAM_FOLDER.length)}\0`).update(await readFile(file));
  }
  return hash.digest("hex");
}

/**
 * Prepares an empty tree: folders as in Debian's releases from bookworm on, and those that
 * mmdebstrap fills with devices where they exist.
 */
const SETUP =
  'mkdir -p "$1/dev" "$1/proc" "$1/sys"; ' +
  'for name in bin sbin lib lib64; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done';

/** Returns the arguments of mmdebstrap: packages are unpacked, not installed. Pure. */
function unpackArguments(job: {
  readonly mode: string;
  readonly sources: string | undefined;
  readonly tree: string;
  readonly out: string;
}): string[] {
  const prefix = `(,gpt${ESP_NUMBER})/EFI/debian`;
  return [
    `--mode=${job.mode}`,
    "--format=directory",
    "--variant=extract",
    `--architectures=${x8664.debian.name}`,
    `--include=${PACKAGES.join(",")}`,
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=Acquire::Retries "3"',
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=APT::Sandbox::User "root"',
    '--aptopt=Dir::Etc::netrc "/etc/apt/auth.conf"',
    '--aptopt=Dir::Etc::netrcparts "/etc/apt/auth.conf.d"',
    ...(job.sources === undefined ? [] : ["--skip=check/signed-by"]),
    `--setup-hook=${SETUP}`,
    `--extract-hook=copy-in ${shellQuote(join(PROGRAM_FOLDER, "make-live"))} ${shellQuote(join(PROGRAM_FOLDER, "live"))} /`,
    `--extract-hook=chroot "$1" /bin/sh /make-live /live ${shellQuote(prefix)}`,
    `--extract-hook=copy-out /out ${shellQuote(job.out)}`,
    SUITE,
    job.tree,
    ...(job.sources === undefined ? [] : [job.sources]),
  ];
}

/** Unpacks the packages and makes kernel, live system and boot loaders in `folder`/out. */
async function makeFiles(folder: string, { emit, signal }: StickContext): Promise<string> {
  const rights = await findRights(signal);
  await removeAbandonedScratch(rights, emit);
  const sources = await hostSources(SUITE, folder, signal);
  const list = sources.length === 0 ? undefined : join(folder, "host.sources");
  if (list !== undefined) {
    await writeFile(list, formatSources(sources, await archiveKeyring()));
  }
  const scratch = await makeScratch(rights, folder);
  const errorLines: string[] = [];
  try {
    const { tree } = scratch;
    const args = unpackArguments({ mode: rights.mode, sources: list, tree, out: folder });
    const result = await runSupervised("mmdebstrap", args, {
      signal,
      env: { TMPDIR: dirname(tree) },
      onLine: (line, stream) => {
        if (ERROR_LINE.test(line) || line.startsWith("make-live:")) errorLines.push(line);
        emit({ type: "output", source: "mmdebstrap", stream, line });
      },
    });
    if (result.exitCode !== 0) {
      const lines = [...new Set([...errorLines.slice(0, 20), ...result.lastLines])];
      const { message, hint } = explainFailure(SUITE, lines, "the live system of the stick");
      throw new VmbuildError("BASE_BOOTSTRAP", message, { lines, hint });
    }
    return join(folder, "out");
  } finally {
    await scratch.remove();
  }
}

/** Files of the EFI system partition by their place in {@link makeFiles}' folder. */
const ESP_FILES = {
  "BOOTX64.EFI": "::/EFI/BOOT/BOOTX64.EFI",
  "grubx64.efi": "::/EFI/BOOT/grubx64.efi",
  "mmx64.efi": "::/EFI/BOOT/mmx64.efi",
  vmlinuz: "::/live/vmlinuz",
  initrd: "::/live/initrd",
} as const;

/** Writes the common part to a file: a stick without partition table, menu and data. */
async function writeCommon(files: string, target: string, context: StickContext): Promise<void> {
  const file = await open(target, "wx");
  try {
    await truncate(target, DATA_OFFSET);
    const mkfs = ["-F", "32", "-s", "1", "-i", ESP_SERIAL, "-n", "INSTALLER", "--invariant"];
    const place = ["--offset", String(ESP.offset / SECTOR), target, String(ESP.size / 1024)];
    await runTool("mkfs.vfat", [...mkfs, ...place], context);
    const image = `${target}@@${ESP.offset}`;
    const folders = ["::/EFI", "::/EFI/BOOT", "::/EFI/debian", "::/live"];
    await runTool("mmd", ["-i", image, ...folders], context);
    for (const [name, path] of Object.entries(ESP_FILES)) {
      await runTool("mcopy", ["-i", image, join(files, name), path], context);
    }
    const [boot, core] = await Promise.all(
      ["boot.img", "core.img"].map((name) => readFile(join(files, name))),
    );
    if (boot && core) await embedGrub(file, BIOS_BOOT, boot, core);
  } finally {
    await file.close();
  }
}

/**
 * Returns the path of the common part, from the cache or made now.
 * @throws {VmbuildError} BASE_BOOTSTRAP, ARTIFACT_STICK, HOST_SPACE, HOST_PROGRAM_MISSING.
 */
export async function commonPart(context: StickContext): Promise<string> {
  const { path } = await getCachedImage({
    key: await liveKey(),
    name: "usb-installer.img",
    signal: context.signal,
    async make(target, workFolder) {
      const message = `Making the live system of the stick from ${SUITE}'s packages; it will be cached`;
      context.emit({ type: "note", message });
      await mkdir(workFolder, { recursive: true });
      const files = await makeFiles(workFolder, context);
      const temporary = temporaryBeside(target);
      try {
        await writeCommon(files, temporary, context);
        await publish(temporary, target);
      } finally {
        await rm(temporary, { force: true });
      }
      const kernel = await readFile(join(files, "kernel"), "utf8");
      const origin = `live system of installer sticks, kernel ${kernel}`;
      return { key: { kind: "usb-installer", suite: SUITE, recipe: RECIPE }, origin };
    },
  });
  return path;
}
