/** Finds the packages of an image of which dnf, yum or zypper would install another version today. */
import type { ListedPackage } from "../packages/list.js";
import { compareVersions } from "../packages/versions.js";
import { isModular } from "./rpm-packages.js";
import type { RpmList } from "./rpm-repository.js";
import { newestInstalled } from "./upgrades.js";
import type { Upgrade } from "./upgrades.js";

const newer = (one: string, other: string): boolean => compareVersions("rpm", one, other) > 0;

/** Returns the newest version for a package in the lists; undefined if they lack it. */
function newestIn({ name, arch }: ListedPackage, lists: readonly RpmList[]): string | undefined {
  let newest: string | undefined;
  for (const { versions } of lists) {
    for (const [other, version] of versions.get(name) ?? []) {
      // A package may become independent of the architecture, or cease to be.
      const isSame = other === arch || other === "noarch" || arch === "noarch";
      if (isSame && (newest === undefined || newer(version, newest))) newest = version;
    }
  }
  return newest;
}

/** Returns the packages that are compared: those that belong to no module. */
export function comparedRpms(packages: readonly ListedPackage[]): ListedPackage[] {
  return newestInstalled(packages, "rpm").filter(({ version }) => !isModular(version));
}

/**
 * Returns the packages with a newer version in the lists. Priorities and excluded packages of the
 * guest's repositories are not known.
 * @param packages those of {@link comparedRpms}.
 */
export function findRpmUpgrades(
  packages: readonly ListedPackage[],
  lists: readonly RpmList[],
): Upgrade[] {
  return packages.flatMap((one) => {
    const { name, arch, version: from } = one;
    const to = newestIn(one, lists);
    return to !== undefined && newer(to, from) ? [{ name, arch, from, to }] : [];
  });
}
