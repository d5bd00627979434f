/** VMDK descriptors: texts that name the files in which a disk's data lies. */
import { access } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/** The names of the files with the data, as the descriptor has them. Pure. */
export function extentNames(descriptor: string): string[] {
  const lines = descriptor.matchAll(/^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+\w+\s+"([^"]+)"/gim);
  return [...new Set([...lines].map(([, name = ""]) => name))];
}

/** The paths of the files with the data; relative names are relative to the descriptor. */
export function extentPaths(path: string, descriptor: string): string[] {
  return extentNames(descriptor).map((name) => resolve(dirname(path), name));
}

/** Those of the files that cannot be read. */
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
