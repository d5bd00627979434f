/** Provides Debian's real installer as its package brings it, from the host's package mirror. */
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { archiveKeyring, formatSources, hostSources } from "../../src/base/bootstrap/sources.js";
import { statIfThere } from "../../src/host/files.js";
import { waitForLock } from "../../src/host/lock.js";
import { hostPaths } from "../../src/host/paths.js";

export const RELEASES = { bookworm: 12, trixie: 13 } as const;
export type Suite = keyof typeof RELEASES;

/** Apt of the host with the package lists of another release, all in one folder. */
export interface Archive {
  readonly folder: string;
  /** Returns the version that would be downloaded. */
  version(name: string): Promise<string>;
  /** Unpacks packages into a folder. */
  unpack(names: readonly string[], folder: string): Promise<void>;
}

/** Downloads the package lists of a release into an empty folder. */
async function openArchive(suite: Suite, folder: string): Promise<Archive> {
  const sources = join(folder, "debian.sources");
  const found = await hostSources(suite, folder, new AbortController().signal);
  // The installer's packages come from the release itself, and not from its updates.
  const own = found.filter((source) => source.suite === suite);
  await writeFile(sources, formatSources(own, await archiveKeyring()));
  const settings = {
    "Dir::Etc::SourceList": sources,
    "Dir::Etc::SourceParts": "-",
    "Dir::State": join(folder, "state"),
    "Dir::State::Status": join(folder, "state/status"),
    "Dir::Cache": join(folder, "cache"),
    "Acquire::Languages": "none",
    "APT::Sandbox::User": "",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  await mkdir(join(folder, "state/lists/partial"), { recursive: true });
  await mkdir(join(folder, "cache/archives/partial"), { recursive: true });
  await writeFile(join(folder, "state/status"), "");
  await execa("apt-get", [...options, "-qq", "update"]);
  return {
    folder,
    async version(name) {
      const { stdout } = await execa("apt-cache", [...options, "show", "--no-all-versions", name]);
      return /^Version: (.+)$/m.exec(stdout)?.[1] ?? "";
    },
    async unpack(names, to) {
      const cwd = await mkdtemp(join(folder, "packages-"));
      await execa("apt-get", [...options, "-qq", "download", ...names], { cwd });
      for (const name of await readdir(cwd)) {
        await execa("dpkg-deb", ["--extract", join(cwd, name), to]);
      }
    },
  };
}

/**
 * Returns a folder with files of one version, which `make` writes when it is not there.
 * @param kind what is made, as part of the folder's name.
 */
export async function cachedInstaller(
  { kind, suite }: { readonly kind: string; readonly suite: Suite },
  make: (archive: Archive, folder: string) => Promise<void>,
): Promise<string> {
  const root = join(hostPaths().inputs, "..", "test-installers");
  await mkdir(root, { recursive: true });
  await using _lock = await waitForLock(join(root, `${suite}.lock`), new AbortController().signal);
  const work = await mkdtemp(join(tmpdir(), "vmb-installer-"));
  try {
    const archive = await openArchive(suite, work);
    const folder = join(root, `${kind}-${await archive.version(packageOf(suite))}`);
    if (await statIfThere(folder)) return folder;
    const part = await mkdtemp(join(root, "part-"));
    await make(archive, part);
    await rename(part, folder);
    return folder;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

export const packageOf = (suite: Suite): string =>
  `debian-installer-${RELEASES[suite]}-netboot-amd64`;

/** Copies the installer's kernel and initrd out of its package. */
export async function copyInstaller(suite: Suite, archive: Archive, folder: string): Promise<void> {
  const root = join(archive.folder, "installer");
  await archive.unpack([packageOf(suite)], root);
  const release = String(RELEASES[suite]);
  const images = join(root, "usr/lib/debian-installer/images", release, "amd64/text");
  for (const name of ["linux", "initrd.gz"]) {
    await cp(join(images, "debian-installer/amd64", name), join(folder, name));
  }
}

/** Returns the folder of the installer as it is: `linux` and `initrd.gz`. */
export function debianInstaller(suite: Suite): Promise<string> {
  return cachedInstaller({ kind: "netboot", suite }, (archive, folder) =>
    copyInstaller(suite, archive, folder),
  );
}
