/** Makes the medium of the stand-in installer (test/standins/installer). */
import { mkdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { execa } from "execa";
import { SECTOR, cpioArchive, extractBoot, rootFileSystem, rootPartition } from "./initramfs.js";

const STAND_IN = join(import.meta.dirname, "../standins/installer");

/** Size to which the first part of an initramfs is padded, so that another can follow. Bytes. */
const ALIGNMENT = 512;

/** Appends the stand-in to the initrd of the base, whose modules it uses. */
async function appendInstaller(initrd: string): Promise<void> {
  const base = await readFile(initrd);
  const padding = Buffer.alloc((ALIGNMENT - (base.length % ALIGNMENT)) % ALIGNMENT);
  const busybox = execFileSync("which", ["busybox"], { encoding: "utf8" }).trim();
  const archive = cpioArchive([
    { name: "tools" },
    { name: "bin/busybox", content: await readFile(busybox) },
    { name: "tools/lease", content: await readFile(join(STAND_IN, "lease")) },
    { name: "init", content: await readFile(join(STAND_IN, "init")) },
  ]);
  await writeFile(initrd, Buffer.concat([base, padding, archive]));
}

/**
 * Cuts off the end of a disk image behind the used part of its root file system. The partition
 * keeps its size, so the image must be written to a disk of the former size.
 */
async function shrink(image: string): Promise<void> {
  const { start } = await rootPartition(image);
  const system = await rootFileSystem(image);
  // It reports by its exit code that it has changed something.
  await execa("/usr/sbin/e2fsck", ["-fy", system], { reject: false });
  await execa("/usr/sbin/resize2fs", ["-M", system]);
  const { stdout: facts } = await execa("/usr/sbin/dumpe2fs", ["-h", system]);
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(facts)?.[1]);
  await truncate(image, start * SECTOR + field("Block count") * field("Block size"));
}

/**
 * Makes an ISO image with a kernel, an initrd and the system that is installed.
 * @param base image of a bootstrapped base.
 * @param folder folder for temporary files and the image.
 * @returns the path of the image. Its kernel is `/boot/vmlinuz`, its initrd `/boot/initrd`.
 */
export async function makeInstallerIso(base: string, folder: string): Promise<string> {
  const content = join(folder, "cd");
  const boot = join(content, "boot");
  await mkdir(boot, { recursive: true });
  const { kernel, initrd } = await extractBoot(base, folder);
  await appendInstaller(initrd);
  await rename(kernel, join(boot, "vmlinuz"));
  await rename(initrd, join(boot, "initrd"));
  const system = join(content, "system.img");
  await execa("qemu-img", ["convert", "-O", "raw", base, system]);
  await shrink(system);
  const iso = join(folder, "installer.iso");
  const options = ["-as", "mkisofs", "-quiet", "-iso-level", "3", "-rock", "-volid", "STANDIN"];
  await execa("xorriso", [...options, "-o", iso, content]);
  await rm(content, { recursive: true });
  return iso;
}
