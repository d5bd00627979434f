/** Parses VMDK descriptors, which name the files with the data of a disk. */
import { access } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/** Returns the names of the extents as in the descriptor. Pure. */
export function extentNames(descriptor: string): string[] {
  const lines = descriptor.matchAll(/^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+\w+\s+"([^"]+)"/gim);
  return [...new Set([...lines].map(([, name = ""]) => name))];
}

/** Returns the paths of the extents. Names are relative to the descriptor. */
export function extentPaths(path: string, descriptor: string): string[] {
  return extentNames(descriptor).map((name) => resolve(dirname(path), name));
}

/** Returns the extents that cannot be read. */
export async function missingExtents(path: string, descriptor: string): Promise<string[]> {
  const missing = extentPaths(path, descriptor).map(async (extent) => {
    const isThere = await access(extent).then(
      () => true,
      () => false,
    );
    return isThere ? [] : [extent];
  });
  return (await Promise.all(missing)).flat();
}
