/** Creates small disks for tests of bases with real programs. */
import { randomBytes } from "node:crypto";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

export const MIB = 1024 * 1024;

/** Creates a raw disk with a partition table and random bytes in its partition. */
export async function makeDisk(path: string, mebibytes = 8): Promise<Buffer> {
  await writeFile(path, "");
  const handle = await open(path, "r+");
  try {
    await handle.truncate(mebibytes * MIB);
    await execa("/usr/sbin/sfdisk", ["--quiet", path], {
      input: "label: dos\nstart=2048, type=83, bootable\n",
    });
    const content = randomBytes(200_000);
    await handle.write(content, 0, content.length, MIB);
    await handle.write(content, 0, 1000, (mebibytes - 1) * MIB);
    return content;
  } finally {
    await handle.close();
  }
}

/** Converts an image; `options` are those of qemu-img. */
export async function convert(
  from: string,
  to: string,
  format: string,
  ...options: string[]
): Promise<string> {
  await execa("qemu-img", ["convert", "-O", format, ...options, from, to]);
  return to;
}

/** Returns whether two images have the same content. */
export async function isSameDisk(one: string, other: string): Promise<boolean> {
  const result = await execa("qemu-img", ["compare", one, other], { reject: false });
  return result.exitCode === 0;
}

/** Packs files of a folder with tar under their names in it. */
export async function tar(folder: string, name: string, options: string[], ...files: string[]) {
  const path = join(folder, name);
  await execa("tar", ["--create", ...options, "--file", path, ...files], { cwd: folder });
  return path;
}

/** Raw disk of one sector that a BIOS would boot. */
export const BOOT_SECTOR = Buffer.from("55aa".padStart(1024, "0"), "hex");
