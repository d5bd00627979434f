/**
 * Makes a small guest of busybox and dropbear for another architecture than the host's, from
 * packages of Debian, which are only unpacked.
 */
import { copyFile, cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { hostSources } from "../../src/base/bootstrap/sources.js";
import { architectureNamed } from "../../src/machine/architectures/registry.js";
import type { ArchitectureName } from "../../src/machine/architectures/registry.js";
import { makeBusyboxRoot, makeDisk } from "./busybox-guest.js";
import type { BusyboxGuest } from "./busybox-guest.js";
import { writeModuleInitrd } from "./initramfs.js";

/** dropbear and its libraries. */
const PACKAGES = [
  ...["busybox-static", "dropbear-bin", "libc6", "libcrypt1", "libtomcrypt1", "libtommath1"],
  ...["libgmp10", "zlib1g"],
];

/** Returns the names of the packages' files, after a download for another architecture. */
async function download(folder: string, port: string, names: readonly string[]): Promise<void> {
  for (const name of ["lists/partial", "cache/archives/partial"]) {
    await mkdir(join(folder, name), { recursive: true });
  }
  await writeFile(join(folder, "status"), "");
  const sources = await hostSources("bookworm", folder, new AbortController().signal);
  const lines = sources.map(({ uri, suite }) => `deb ${uri} ${suite} main`);
  await writeFile(join(folder, "sources.list"), `${lines.join("\n")}\n`);
  const settings = {
    "APT::Architecture": port,
    "APT::Architectures": port,
    "Dir::State::lists": join(folder, "lists"),
    "Dir::State::status": join(folder, "status"),
    "Dir::Cache": join(folder, "cache"),
    "Dir::Etc::SourceList": join(folder, "sources.list"),
    "Dir::Etc::SourceParts": "/dev/null",
    "Acquire::Languages": "none",
    "APT::Sandbox::User": "",
    "Debug::NoLocking": "1",
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  await execa("apt-get", [...options, "-qq", "update"]);
  const kernel = `linux-image-cloud-${port}`;
  const { stdout } = await execa("apt-cache", [...options, "depends", kernel]);
  const image = /Depends: (linux-image-\S+)/.exec(stdout)?.[1] ?? kernel;
  await execa("apt-get", [...options, "-qq", "download", ...names, image], { cwd: folder });
}

/**
 * Makes the guest.
 * @param folder empty folder for its files.
 * @param password of root.
 */
export async function makeForeignGuest(
  arch: ArchitectureName,
  folder: string,
  password: string,
): Promise<BusyboxGuest> {
  const { debian, console } = architectureNamed(arch);
  const packages = join(folder, "packages");
  const tree = join(folder, "tree");
  await download(packages, debian.name, PACKAGES);
  for (const name of (await readdir(packages)).filter((one) => one.endsWith(".deb"))) {
    await execa("dpkg-deb", ["--extract", join(packages, name), tree]);
  }
  const root = join(folder, "root");
  await makeBusyboxRoot(root, password, async (to) => {
    await copyFile(join(tree, "bin/busybox"), join(to, "bin/busybox"));
    await copyFile(join(tree, "usr/sbin/dropbear"), join(to, "usr/sbin/dropbear"));
    const isModule = (path: string): boolean => path.includes("/lib/modules");
    for (const name of ["lib", "usr/lib"]) {
      const filter = (path: string): boolean => !isModule(path);
      await cp(join(tree, name), join(to, name), {
        recursive: true,
        verbatimSymlinks: true,
        filter,
      });
    }
  });
  const initrd = join(folder, "initrd.img");
  await writeModuleInitrd(join(tree, "lib/modules"), join(tree, "bin/busybox"), initrd);
  const kernels = await readdir(join(tree, "boot"));
  const kernel = join(tree, "boot", kernels.find((name) => name.startsWith("vmlinuz-")) ?? "");
  const commandLine = `console=${console} net.ifnames=0 quiet`;
  const disk = await makeDisk(root, folder);
  return { disk, arguments: ["-kernel", kernel, "-initrd", initrd, "-append", commandLine] };
}
