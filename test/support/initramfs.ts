/** Makes kernels and initramfs images for guests that are smaller than any distribution. */
import { execFileSync } from "node:child_process";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
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

/** Content of an initramfs besides busybox and its init. */
interface InitramfsOptions {
  /** Path of a static busybox; this host's unless given. */
  readonly busybox?: string;
  /** Folders come before what is in them. */
  readonly entries?: readonly CpioEntry[];
}

/** Writes an initramfs with busybox, whose programs `init` calls as `busybox NAME`. */
export async function writeInitramfs(
  path: string,
  init: string,
  { busybox, entries = [] }: InitramfsOptions = {},
): Promise<void> {
  const program = busybox ?? execFileSync("which", ["busybox"], { encoding: "utf8" }).trim();
  const folders = ["bin", "dev", "proc", "sys", "tmp"].map((name) => ({ name }));
  const archive = cpioArchive([
    ...folders,
    { name: "bin/busybox", content: await readFile(program) },
    ...entries,
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

/** Modules of the kernel that a guest with virtio devices needs, in any order. */
const MODULES =
  /\/(virtio\w*|failover|net_failover|ext4|jbd2|mbcache|crc16|crc32c_\w+|libcrc32c)\.ko$/;

/**
 * Writes an initramfs that loads modules and starts the system on the first disk. It has no udev,
 * which takes most of the time that a distribution's initramfs needs in an emulated guest.
 * @param modules folder with the kernel's modules, at any depth.
 * @param busybox path of a static busybox.
 */
export async function writeModuleInitrd(
  modules: string,
  busybox: string,
  path: string,
): Promise<void> {
  const names = await readdir(modules, { recursive: true });
  const files = names
    .filter((name) => MODULES.test(`/${name}`))
    .map(async (name) => ({
      name: `lib/${basename(name)}`,
      content: await readFile(join(modules, name)),
    }));
  const init = [
    "#!/bin/busybox sh",
    "busybox mount -t proc proc /proc",
    "busybox mount -t devtmpfs dev /dev",
    // Each round loads the modules whose own requirements are there.
    "for round in 1 2 3 4; do for m in /lib/*.ko; do",
    "  if busybox insmod $m 2>/dev/null; then busybox rm $m; fi",
    "done; done",
    "until busybox mount -t ext4 /dev/vda /mnt 2>/dev/null; do busybox sleep 0.1; done",
    "busybox mount -t tmpfs -o mode=755 run /mnt/run",
    "busybox mount -o move /dev /mnt/dev",
    "busybox mount -o move /proc /mnt/proc",
    "busybox mount -t sysfs sys /mnt/sys",
    "exec busybox switch_root /mnt /sbin/init",
    "",
  ].join("\n");
  const entries = [{ name: "lib" }, { name: "mnt" }, ...(await Promise.all(files))];
  await writeInitramfs(path, init, { busybox, entries });
}

/** Runs commands of debugfs on the root file system of a base, which needs no mount. */
type Debugfs = (command: string) => Promise<string>;

async function withRootOf<T>(
  base: string,
  folder: string,
  work: (debugfs: Debugfs) => Promise<T>,
): Promise<T> {
  const raw = join(folder, "base.raw");
  await execa("qemu-img", ["convert", "-O", "raw", base, raw]);
  const image = await rootFileSystem(raw);
  const result = await work(async (command) => {
    const { stdout } = await execa("/usr/sbin/debugfs", ["-R", command, image]);
    return stdout;
  });
  await rm(raw);
  return result;
}

/** Copies a file of /boot, by the beginning of its name, and returns the path of the copy. */
async function copyFromBoot(debugfs: Debugfs, prefix: string, folder: string): Promise<string> {
  const words = (await debugfs("ls -p /boot")).split("/");
  const name = words.find((word) => word.startsWith(`${prefix}-`)) ?? prefix;
  await debugfs(`dump /boot/${name} ${join(folder, prefix)}`);
  return join(folder, prefix);
}

/**
 * Copies the kernel and the initrd out of a bootstrapped base.
 * @param folder folder for temporary files, the kernel and the initrd.
 */
export async function extractBoot(
  base: string,
  folder: string,
): Promise<{ readonly kernel: string; readonly initrd: string }> {
  return withRootOf(base, folder, async (debugfs) => ({
    kernel: await copyFromBoot(debugfs, "vmlinuz", folder),
    initrd: await copyFromBoot(debugfs, "initrd.img", folder),
  }));
}

/**
 * Copies the kernel and its modules out of a bootstrapped base.
 * @param folder as for {@link extractBoot}; `modules` is a new folder in it.
 */
export async function extractKernel(
  base: string,
  folder: string,
): Promise<{ readonly kernel: string; readonly modules: string }> {
  return withRootOf(base, folder, async (debugfs) => {
    await debugfs(`rdump /usr/lib/modules ${folder}`);
    return {
      kernel: await copyFromBoot(debugfs, "vmlinuz", folder),
      modules: join(folder, "modules"),
    };
  });
}
