/** Finds the packages of an image of which apt would install another version today. */
import type { ListedPackage } from "../packages/list.js";
import { compareVersions } from "../packages/versions.js";
import type { PackageType } from "../packages/versions.js";
import type { FetchedIndex } from "./apt-repository.js";
import type { ReleaseOrder } from "./apt-release.js";

/** Package with a newer version. */
export interface Upgrade {
  readonly name: string;
  readonly arch: string;
  readonly from: string;
  readonly to: string;
}

const newer = (one: string, other: string): boolean => compareVersions("deb", one, other) > 0;

/** Returns the newest version for a package in the lists of an order; undefined if they lack it. */
function newestIn(
  { name, arch }: ListedPackage,
  indexes: readonly FetchedIndex[],
  wanted: ReleaseOrder,
): string | undefined {
  let newest: string | undefined;
  for (const { release, versions } of indexes) {
    if (release.order !== wanted) continue;
    for (const [other, version] of versions.get(name) ?? []) {
      // A package may become independent of the architecture, or cease to be.
      const isSame = other === arch || other === "all" || arch === "all";
      if (isSame && (newest === undefined || newer(version, newest))) newest = version;
    }
  }
  return newest;
}

/**
 * Returns the version that apt would install, by its default priorities (apt_preferences(5)): the
 * newest of ordinary repositories; that of backports only for a package that came from there.
 */
function candidateOf(one: ListedPackage, indexes: readonly FetchedIndex[]): string | undefined {
  const normal = newestIn(one, indexes, "normal");
  if (normal !== undefined && !newer(one.version, normal)) return normal;
  return newestIn(one, indexes, "upgrades only");
}

/** Groups packages of a type by what is installed once, and keeps the newest of each. */
export function newestInstalled(
  packages: readonly ListedPackage[],
  type: PackageType,
): ListedPackage[] {
  const found = new Map<string, ListedPackage>();
  for (const one of packages) {
    const key = `${one.name}\t${one.arch}`;
    const other = found.get(key);
    if (one.type !== type) continue;
    if (!other || compareVersions(type, one.version, other.version) > 0) found.set(key, one);
  }
  return [...found.values()];
}

/** Returns the packages that apt would upgrade. Pins and holds of the guest are not known. */
export function findUpgrades(
  packages: readonly ListedPackage[],
  indexes: readonly FetchedIndex[],
): Upgrade[] {
  return newestInstalled(packages, "deb").flatMap((one) => {
    const { name, arch, version: from } = one;
    const to = candidateOf(one, indexes);
    return to !== undefined && newer(to, from) ? [{ name, arch, from, to }] : [];
  });
}
