/**
 * Makes the part that all sticks have in common: GRUB for a BIOS, and the EFI system partition with
 * the signed boot loaders, Debian's kernel and the live system. It is cached.
 */
import { createHash } from "node:crypto";
import { open, readFile, readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { SECTOR, embedGrub, unpackPackages } from "../base/bootstrap/public.js";
import { getCachedImage } from "../base/cached-image.js";
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

/** Makes kernel, live system and boot loaders; returns the folder in which they are. */
function makeFiles(workFolder: string, context: StickContext): Promise<string> {
  const prefix = `(,gpt${ESP_NUMBER})/EFI/debian`;
  const job = {
    suite: SUITE,
    architecture: x8664.debian.name,
    packages: PACKAGES,
    subject: "the live system of the stick",
    files: [join(PROGRAM_FOLDER, "make-live"), join(PROGRAM_FOLDER, "live")],
    script: `exec /bin/sh /make-live /live ${shellQuote(prefix)}`,
    errors: "make-live:",
  };
  return unpackPackages(job, workFolder, context);
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
