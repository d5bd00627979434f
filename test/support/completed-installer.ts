/**
 * Completes Debian's installer with kernel modules and programs that it would download as packages
 * for the installer, from packages of the ordinary system.
 */
import { cp, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { cachedInstaller, copyInstaller } from "./debian-installer.js";

/** Kernel with which the image was made: `6.12.117+deb13-amd64`. */
async function kernelOf(base: string): Promise<string> {
  const [version = ""] = await readdir(join(base, "usr/lib/modules"));
  return version;
}

/** Kernel modules for disks and file systems, which the installer would download as packages. */
const MODULES = [
  ...["drivers/ata", "drivers/block", "drivers/cdrom", "drivers/md", "drivers/scsi"],
  ...["drivers/virtio", "fs/btrfs", "fs/ext4", "fs/fat", "fs/fuse", "fs/isofs", "fs/jbd2"],
  ...["fs/jfs", "fs/mbcache.ko.xz", "fs/nls", "fs/xfs", "lib", "crypto", "arch/x86/crypto"],
];
const MODULE_PACKAGES = "ata cdrom-core btrfs ext2 ext3 ext4 isofs jfs md sata scsi xfs"
  .split(" ")
  .map((name) => `${name}-modules`)
  .join(", ");

/** Programs of e2fsprogs in the package for the installer. */
const E2FSPROGS = ["badblocks", "e2fsck", "mke2fs", "resize2fs", "tune2fs"];
const LIBRARIES = /^lib(?:com_err|e2p|ext2fs|ss)\.so\./;
const LIBRARY_FOLDER = "usr/lib/x86_64-linux-gnu";

/** Packages for the installer that count as installed: e2fsprogs-udeb is there, others are empty. */
const REGISTERED = ["e2fsprogs-udeb", "libmount1-udeb", "ntfs-3g-udeb", "xfsprogs-udeb"];

/** Version that is newer than each in an archive: anna downloads packages that are newer. */
const NEWEST = "99:1";

function stanza(name: string, more = ""): string {
  return `\nPackage: ${name}\nStatus: install ok installed\nVersion: ${NEWEST}\n${more}Description: test\n`;
}

/** Adds the kernel's modules, and writes the index of all modules. */
async function addModules(base: string, kernel: string, to: string): Promise<void> {
  const version = await kernelOf(base);
  const modules = join("usr/lib/modules", version);
  for (const path of MODULES) {
    const place = join(modules, "kernel", path);
    await cp(join(kernel, place), join(to, place), { recursive: true });
  }
  for (const name of ["modules.builtin", "modules.builtin.modinfo", "modules.order"]) {
    await cp(join(kernel, modules, name), join(to, modules, name));
  }
  const all = join(to, "../all");
  for (const root of [base, to]) {
    await cp(join(root, modules), join(all, "lib/modules", version), { recursive: true });
  }
  // This host may have no depmod; the installer has one.
  const libraries = join(base, LIBRARY_FOLDER);
  const loader = join(libraries, "ld-linux-x86-64.so.2");
  const depmod = ["--argv0", "depmod", "--library-path", libraries, join(base, "usr/bin/kmod")];
  await execa(loader, [...depmod, "-b", all, version]);
  for (const name of await readdir(join(all, "lib/modules", version))) {
    if (!name.startsWith("modules.")) continue;
    await cp(join(all, "lib/modules", version, name), join(to, modules, name));
  }
}

/** Adds the programs for ext4 from the packages of an ordinary system. */
async function addE2fsprogs(from: string, to: string): Promise<void> {
  for (const name of E2FSPROGS) await cp(join(from, "usr/sbin", name), join(to, "usr/sbin", name));
  for (const name of ["ext2", "ext3", "ext4"]) {
    await cp(join(from, "usr/sbin/mke2fs"), join(to, `usr/sbin/mkfs.${name}`));
    await cp(join(from, "usr/sbin/e2fsck"), join(to, `usr/sbin/fsck.${name}`));
  }
  for (const name of await readdir(join(from, LIBRARY_FOLDER))) {
    if (!LIBRARIES.test(name)) continue;
    // Without the links, since the loader looks for the name in the library.
    const short = name.replace(/^(.+\.so\.\d+).*$/, "$1");
    await cp(join(from, LIBRARY_FOLDER, name), join(to, LIBRARY_FOLDER, short), {
      dereference: true,
    });
  }
  await cp(join(from, "etc/mke2fs.conf"), join(to, "etc/mke2fs.conf"));
}

/** Writes the list of installed packages for the installer, with those that were added. */
async function writeStatus(base: string, kernel: string, to: string): Promise<void> {
  const provided = `Provides: ${MODULE_PACKAGES}\nKernel-Version: ${kernel}\n`;
  const added = [stanza("test-modules", provided), ...REGISTERED.map((name) => stanza(name))];
  const status = "var/lib/dpkg/status";
  const before = await readFile(join(base, status), "utf8");
  await mkdir(join(to, "var/lib/dpkg"), { recursive: true });
  await writeFile(join(to, status), before + added.join(""));
}

const RETRIEVER = "usr/lib/debian-installer/retriever/net-retriever";

/**
 * Makes the installer accept an index of its components, and a signature, that are older than the
 * archive's Release file. Some mirrors keep up with the files of apt only.
 */
async function acceptOldIndex(base: string, to: string): Promise<void> {
  const script = await readFile(join(base, RETRIEVER), "utf8");
  const tolerant = script.replace(/^\s*checkmatch "\$Release" .*$/m, "");
  if (tolerant === script) throw new Error(`${RETRIEVER} does not verify its index as expected`);
  await mkdir(dirname(join(to, RETRIEVER)), { recursive: true });
  await writeFile(join(to, RETRIEVER), tolerant, { mode: 0o755 });
}

/** Answers that are read before those of the template. */
const ANSWERS = [
  // The modules are there, but no package in the archive has them.
  "d-i anna/no_kernel_modules boolean true",
  "d-i debian-installer/allow_unauthenticated boolean true",
];

/**
 * Returns the folder of trixie's installer with a second archive behind its initrd, which Linux
 * unpacks over the first. It contains the modules of the installer's own kernel and e2fsprogs, taken
 * from packages of the ordinary system, because an archive does not keep all packages for the
 * installer, and those of the newest kernel may be missing in its index. Everything else is downloaded
 * by the installer as ever.
 */
export function completedInstaller(): Promise<string> {
  const suite = "trixie";
  return cachedInstaller({ kind: "completed", suite }, async (archive, folder) => {
    await copyInstaller(suite, archive, folder);
    const [base, extra, more] = ["base", "extra", "more"].map((n) => join(archive.folder, n));
    if (!base || !extra || !more) throw new Error("three names make three paths");
    for (const path of [base, extra, more]) await mkdir(path);
    const initrd = join(folder, "initrd.gz");
    await execa({ cwd: base, shell: "/bin/bash" })`gzip -dc ${initrd} | busybox cpio -idm`;
    const kernel = await kernelOf(base);
    const system = ["e2fsprogs", "libcom-err2", "libext2fs2t64", "libss2"];
    await archive.unpack([`linux-image-${kernel}`, ...system], extra);
    await addModules(base, extra, more);
    await addE2fsprogs(extra, more);
    await writeStatus(base, kernel, more);
    await acceptOldIndex(base, more);
    await writeFile(join(more, "preseed.cfg"), `${ANSWERS.join("\n")}\n`);
    await execa({
      cwd: more,
      shell: "/bin/bash",
    })`find . | busybox cpio -o -H newc | gzip >> ${initrd}`;
  });
}
