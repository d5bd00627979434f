/** Finds vmbuild's own files, in the source tree and in the installed package. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Finds the folder with vmbuild's package.json. How deep this code is below it depends on whether it
 * is bundled.
 */
function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json above ${import.meta.url}`);
    folder = parent;
  }
  return folder;
}

/** Folder of vmbuild's package; absolute. */
export const PACKAGE_ROOT = findRoot();

/**
 * Returns the absolute path of one of vmbuild's own files.
 * @param path relative to the package, such as `cloud-init/minimal.yml`.
 */
export function packageFile(path: string): string {
  return join(PACKAGE_ROOT, path);
}
