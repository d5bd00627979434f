/** Lists the files in the root file system of an image, without a guest. */
import { createHash } from "node:crypto";
import { lstat, mkdir, readFile, readdir, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { rootFileSystem } from "./initramfs.js";

async function describe(path: string): Promise<string> {
  const status = await lstat(path);
  const mode = (status.mode & 0o7777).toString(8);
  if (status.isDirectory()) return `folder ${mode}`;
  if (status.isSymbolicLink()) return `link ${await readlink(path)}`;
  if (!status.isFile()) return `other ${mode}`;
  const digest = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  return `file ${mode} ${digest}`;
}

async function describeTree(root: string): Promise<Map<string, string>> {
  const entries = await readdir(root, { recursive: true });
  const found = new Map<string, string>();
  for (const name of entries.toSorted()) found.set(`/${name}`, await describe(join(root, name)));
  return found;
}

/**
 * Describes each file of the largest partition of an image, which must be ext4, by its path: kind,
 * mode, and the digest of its content.
 * @param folder folder for temporary files, which are removed.
 */
export async function listImage(image: string, folder: string): Promise<Map<string, string>> {
  const raw = join(folder, "listed.raw");
  const tree = join(folder, "listed");
  try {
    await execa("qemu-img", ["convert", "-O", "raw", image, raw]);
    const at = await rootFileSystem(raw);
    await mkdir(tree);
    await execa("/usr/sbin/debugfs", ["-R", `rdump / ${tree}`, at]);
    return await describeTree(tree);
  } finally {
    await rm(tree, { recursive: true, force: true });
    await rm(raw, { force: true });
  }
}

/** Returns the paths that differ between two lists, each once and in order. */
export function differingPaths(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): string[] {
  const paths = new Set([...one.keys(), ...other.keys()]);
  return [...paths].filter((path) => one.get(path) !== other.get(path)).toSorted();
}
