/** Makes kernels and initramfs images for guests that are smaller than any distribution. */
import { execFileSync } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

/** Alignment of names and contents in a cpio archive. Bytes. */
const ALIGNMENT = 4;
const padded = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT;

/** Entry of an archive. A folder has no content. */
export interface CpioEntry {
  readonly name: string;
  readonly content?: Buffer | string;
}

/**
 * Returns an archive in the format of an initramfs ("newc", Documentation/driver-api/early-userspace
 * in Linux). All files are executable.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts = [...entries, { name: "TRAILER!!!", content: "" }].map(
    ({ name, content }, index) => {
      const body = Buffer.from(content ?? "");
      const mode = content === undefined ? 0o040755 : 0o100755;
      // Inode, mode, owner, group, links, time, size, device and its numbers, length of the name, sum.
      const fields = [index + 1, mode, 0, 0, 1, 0, body.length, 0, 0, 0, 0, name.length + 1, 0];
      const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
      const head = Buffer.alloc(padded(header.length + name.length + 1));
      head.write(header + name, "latin1");
      const data = Buffer.alloc(padded(body.length));
      body.copy(data);
      return Buffer.concat([head, data]);
    },
  );
  return Buffer.concat(parts);
}

/** Writes an initramfs with busybox, whose programs `init` calls as `busybox NAME`. */
export async function writeInitramfs(path: string, init: string): Promise<void> {
  const busybox = execFileSync("which", ["busybox"], { encoding: "utf8" }).trim();
  const folders = ["bin", "dev", "proc", "sys", "tmp"].map((name) => ({ name }));
  const archive = cpioArchive([
    ...folders,
    { name: "bin/busybox", content: await readFile(busybox) },
    { name: "init", content: init },
  ]);
  await writeFile(path, archive);
}

/** Bytes of a sector in a partition table. */
export const SECTOR = 512;

/** Start of the root partition in a partition table that `sfdisk --json` prints. */
interface PartitionTable {
  readonly partitiontable: {
    readonly partitions: readonly { readonly start: number; readonly size: number }[];
  };
}

/** Returns the place of the largest partition of a raw disk image, in sectors. */
export async function rootPartition(image: string): Promise<{ start: number; size: number }> {
  const { stdout: table } = await execa("/usr/sbin/sfdisk", ["--json", image]);
  const { partitions } = (JSON.parse(table) as PartitionTable).partitiontable;
  const [root] = partitions.toSorted((one, other) => other.size - one.size);
  if (!root) throw new Error(`${image} has no partitions`);
  return root;
}

/** Returns the name of the root file system of a raw disk image for programs of e2fsprogs. */
export async function rootFileSystem(image: string): Promise<string> {
  return `${image}?offset=${(await rootPartition(image)).start * SECTOR}`;
}

/**
 * Copies the kernel and the initrd out of a bootstrapped base, with debugfs, which needs no mount.
 * @param folder folder for temporary files, the kernel and the initrd.
 */
export async function extractBoot(
  base: string,
  folder: string,
): Promise<{ readonly kernel: string; readonly initrd: string }> {
  const raw = join(folder, "base.raw");
  await execa("qemu-img", ["convert", "-O", "raw", base, raw]);
  const image = await rootFileSystem(raw);
  const debugfs = (command: string) => execa("/usr/sbin/debugfs", ["-R", command, image]);
  const { stdout: names } = await debugfs("ls -p /boot");
  const extract = async (prefix: string): Promise<string> => {
    const name = names.split("/").find((word) => word.startsWith(`${prefix}-`)) ?? prefix;
    await debugfs(`dump /boot/${name} ${join(folder, prefix)}`);
    return join(folder, prefix);
  };
  const found = { kernel: await extract("vmlinuz"), initrd: await extract("initrd.img") };
  await rm(raw);
  return found;
}
