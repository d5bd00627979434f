/**
 * Makes a small guest of busybox and dropbear: no systemd, bash, sudo, perl, python3 or getent. Its
 * kernel is that of the bootstrapped base, and QEMU starts it by itself.
 */
import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { bootstrapLocation, bootstrapSpec } from "../../src/base/cached-bootstrap.js";
import { extractKernel, writeModuleInitrd } from "./initramfs.js";

/** Disk image of a guest, and the arguments with which QEMU starts it. */
export interface BusyboxGuest {
  readonly disk: string;
  /** Value of `machine.arguments`. */
  readonly arguments: readonly string[];
}

/** Size of the guest's file system. */
const DISK_SIZE = "96M";

/** Files of the guest: path, content and mode. */
const files = (passwordHash: string): readonly (readonly [string, string, number])[] => [
  ["etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbuild:x:1000:1000::/data/build:/bin/sh\n", 0o644],
  ["etc/shadow", `root:${passwordHash}:19000:0:99999:7:::\nbuild:!:19000:0:99999:7:::\n`, 0o600],
  ["etc/group", "root:x:0:\nbuild:x:1000:\n", 0o644],
  ["etc/shells", "/bin/sh\n", 0o644],
  ["etc/hostname", "small\n", 0o644],
  [
    "etc/inittab",
    [
      "::sysinit:/etc/rc",
      "::respawn:/usr/sbin/dropbear -F -E -R -p 22",
      "::respawn:/usr/sbin/crond -f -c /etc/crontabs",
      "::shutdown:/bin/umount -a -r",
      "",
    ].join("\n"),
    0o644,
  ],
  [
    "etc/rc",
    [
      "#!/bin/sh",
      "mount -o remount,rw /",
      "mkdir -p /dev/pts",
      "mount -t devpts devpts /dev/pts 2>/dev/null",
      "hostname -F /etc/hostname",
      "ip link set lo up",
      "ip link set eth0 up",
      "udhcpc -i eth0 -s /etc/udhcpc.script -q -n",
      "",
    ].join("\n"),
    0o755,
  ],
  [
    "etc/udhcpc.script",
    [
      "#!/bin/sh",
      '[ "$1" = bound ] || exit 0',
      'ip addr add "$ip/${mask:-24}" dev "$interface"',
      '[ -z "$router" ] || ip route add default via "$router"',
      "",
    ].join("\n"),
    0o755,
  ],
];

/** Line of inittab for a shell of root on the screen, which begins after Enter. */
const SCREEN = "tty1::askfirst:-/bin/sh\n";

/** Folders that are empty at first. */
const FOLDERS = [
  "dev",
  "proc",
  "sys",
  "run",
  "tmp",
  "root",
  "var/log",
  "etc/dropbear",
  "etc/crontabs",
  "data/build",
];

/** Copies a program of the host with the libraries that it needs. */
export async function addProgram(program: string, root: string): Promise<void> {
  const { stdout } = await execa("ldd", [program], { reject: false });
  const libraries = [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
  for (const path of [program, ...libraries]) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await copyFile(path, join(root, path));
  }
}

/** Busybox of this host, whose programs are those of the guest's own busybox. */
const BUSYBOX = "/bin/busybox";

async function addBusybox(root: string): Promise<void> {
  const { stdout } = await execa(BUSYBOX, ["--list-full"]);
  for (const folder of ["bin", "sbin", "usr/bin", "usr/sbin"]) {
    await mkdir(join(root, folder), { recursive: true });
  }
  for (const path of stdout.split("\n").filter((name) => name !== "bin/busybox")) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await symlink("/bin/busybox", join(root, path));
  }
}

/** Adds the programs of this host. */
async function addPrograms(root: string): Promise<void> {
  await addProgram(BUSYBOX, root);
  await addProgram("/usr/sbin/dropbear", root);
}

/**
 * Makes the root file system of the guest in an empty folder. `password` is that of root.
 * @param programs adds busybox and dropbear; those of this host unless given.
 */
export async function makeBusyboxRoot(
  root: string,
  password: string,
  programs: (root: string) => Promise<void> = addPrograms,
): Promise<void> {
  for (const name of FOLDERS) await mkdir(join(root, name), { recursive: true });
  await addBusybox(root);
  await programs(root);
  const { stdout: hash } = await execa("openssl", ["passwd", "-6", "-stdin"], { input: password });
  for (const [name, content, mode] of files(hash)) {
    await writeFile(join(root, name), content);
    await chmod(join(root, name), mode);
  }
  await chmod(join(root, "root"), 0o700);
}

/** Runs a shell script as root of such a root file system, without a machine. */
export async function runInRoot(
  root: string,
  script: string,
  shell = "/bin/sh",
): Promise<string[]> {
  const command = ["--map-root-user", "chroot", root, shell];
  const { stdout } = await execa("unshare", command, { input: script, stderr: "pipe" });
  return stdout.split("\n").filter((line) => line !== "");
}

/** Moves a root file system to a disk image in a folder, and returns its path. */
export async function makeDisk(root: string, folder: string): Promise<string> {
  const disk = join(folder, "small.raw");
  const make = ["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-d", root, disk, DISK_SIZE];
  // Files belong to root in the guest, whoever runs the test.
  await execa("unshare", ["--map-root-user", ...make]);
  await rm(root, { recursive: true });
  return disk;
}

/**
 * Makes the guest.
 * @param folder empty folder for its files.
 * @param password of root.
 */
export async function makeBusyboxGuest(folder: string, password: string): Promise<BusyboxGuest> {
  const root = join(folder, "root");
  await makeBusyboxRoot(root, password);
  await appendFile(join(root, "etc/inittab"), SCREEN);
  const base = bootstrapLocation(bootstrapSpec({ suite: "bookworm", packages: [] }));
  const { kernel, modules } = await extractKernel(base, folder);
  const initrd = join(folder, "initrd.img");
  await writeModuleInitrd(modules, BUSYBOX, initrd);
  await rm(modules, { recursive: true });
  const disk = await makeDisk(root, folder);
  const commandLine = "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet";
  return { disk, arguments: ["-kernel", kernel, "-initrd", initrd, "-append", commandLine] };
}

/** Root file system of such a guest, in a folder. */
export interface BusyboxRoot extends AsyncDisposable {
  readonly folder: string;
  /** Writes a file with its folders, in place of what is there. */
  put(path: string, content: string, mode?: number): Promise<void>;
}

/** Makes a root file system in a temporary folder, which disposal removes. */
export async function createBusyboxRoot(): Promise<BusyboxRoot> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-root-"));
  await makeBusyboxRoot(folder, "secret");
  return {
    folder,
    async put(path, content, mode = 0o600) {
      const to = join(folder, path);
      await mkdir(dirname(to), { recursive: true });
      await rm(to, { force: true });
      await writeFile(to, content);
      await chmod(to, mode);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
