/** Compares two images by their manifests and their lists of packages. */
import type { Manifest } from "../artifact/manifest.js";
import type { ListedPackage } from "../packages/list.js";
import { compareVersions } from "../packages/versions.js";
import type { Side } from "./side.js";

/** Package with another version, or with several. */
export interface ChangedPackage {
  readonly name: string;
  readonly arch: string;
  readonly from: string;
  readonly to: string;
  readonly direction: "upgraded" | "downgraded";
}

/** Packages that differ. */
export interface PackageDifference {
  readonly added: readonly ListedPackage[];
  readonly removed: readonly ListedPackage[];
  readonly changed: readonly ChangedPackage[];
  readonly unchanged: number;
}

/** Value that differs; undefined on the side that does not have it. */
export interface ChangedValue {
  readonly what: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** Size in bytes that differs. */
export interface ChangedSize {
  readonly what: string;
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** Steps that differ. */
export interface StepDifference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Whether steps of both sides ran in another order. */
  readonly reordered: boolean;
}

/** All differences. Parts that one side does not describe are undefined. */
export interface Difference {
  readonly from: string;
  readonly to: string;
  readonly packages?: PackageDifference;
  readonly sizes?: readonly ChangedSize[];
  readonly steps?: StepDifference;
  /** Versions, the base, the inputs and the programs that made the image. */
  readonly values?: readonly ChangedValue[];
}

/** Groups packages by what is installed once: several versions of a kernel may be installed. */
function byKey(packages: readonly ListedPackage[]): Map<string, ListedPackage[]> {
  const groups = new Map<string, ListedPackage[]>();
  for (const one of packages) {
    const group = groups.get(keyOf(one)) ?? [];
    groups.set(keyOf(one), [...group, one]);
  }
  return groups;
}

const keyOf = ({ type, name, arch }: ListedPackage): string => `${type}\t${name}\t${arch}`;

function changeOf(from: readonly ListedPackage[], to: readonly ListedPackage[]) {
  const old = from.filter((one) => !to.some(({ version }) => version === one.version));
  const fresh = to.filter((one) => !from.some(({ version }) => version === one.version));
  const [one] = [...fresh, ...old];
  if (!one) return undefined;
  const { type, name, arch } = one;
  const newest = (list: readonly ListedPackage[]): string =>
    list
      .map(({ version }) => version)
      .toSorted((a, b) => compareVersions(type, a, b))
      .at(-1) ?? "";
  const order = compareVersions(type, newest(from), newest(to));
  const text = (list: readonly ListedPackage[]): string =>
    list.map(({ version }) => version).join(", ");
  const direction = order > 0 ? "downgraded" : "upgraded";
  return { name, arch, from: text(from), to: text(to), direction } as const;
}

/** Compares two lists of packages. */
function comparePackages(
  from: readonly ListedPackage[],
  to: readonly ListedPackage[],
): PackageDifference {
  const [before, after] = [byKey(from), byKey(to)];
  const changed: ChangedPackage[] = [];
  let unchanged = 0;
  for (const [key, packages] of after) {
    const old = before.get(key);
    if (!old) continue;
    const change = changeOf(old, packages);
    if (change) changed.push(change);
    else unchanged += 1;
  }
  return {
    added: [...after].flatMap(([key, packages]) => (before.has(key) ? [] : packages)),
    removed: [...before].flatMap(([key, packages]) => (after.has(key) ? [] : packages)),
    changed,
    unchanged,
  };
}

function compareSteps(from: Manifest, to: Manifest): StepDifference {
  const [before, after] = [from, to].map(({ steps }) => steps.map(({ name }) => name)) as [
    string[],
    string[],
  ];
  const common = (names: string[], others: string[]): string[] =>
    names.filter((name) => others.includes(name));
  return {
    added: after.filter((name) => !before.includes(name)),
    removed: before.filter((name) => !after.includes(name)),
    reordered: common(before, after).join("\0") !== common(after, before).join("\0"),
  };
}

/** Returns the values that identify what an image was made from, by name. */
function valuesOf(manifest: Manifest): Map<string, string> {
  const { name, version, base, template, vmbuild, qemu } = manifest;
  const values: [string, string | undefined][] = [
    ["name", name],
    ["version", version],
    ["base", `${base.kind} ${base.origin}`],
    ["base digest", base.digest],
    ["template digest", template.digest],
    ["vmbuild", vmbuild.version],
    ["QEMU", qemu.version],
  ];
  for (const input of manifest.inputs) {
    values.push([`input ${input.name}`, input.commit ?? input.digest ?? input.origin]);
  }
  return new Map(values.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Returns the sizes of the files and disks by name. Files are compared by their format. */
function sizesOf({ files }: Manifest): Map<string, number> {
  return new Map(
    files.flatMap(({ format, pack, size, virtualSize }): [string, number][] => {
      const name = pack === undefined ? format : `${format}.${pack}`;
      const disk: [string, number][] =
        virtualSize === undefined ? [] : [[`${name} (virtual)`, virtualSize]];
      return [[name, size], ...disk];
    }),
  );
}

function changes<T>(from: Map<string, T>, to: Map<string, T>) {
  const names = new Set([...from.keys(), ...to.keys()]);
  return [...names].flatMap((what) => {
    const [before, after] = [from.get(what), to.get(what)];
    return before === after ? [] : [{ what, from: before, to: after }];
  });
}

/** Compares two images, from the older to the newer one. */
export function compareSides(from: Side, to: Side): Difference {
  const both = from.manifest && to.manifest ? ([from.manifest, to.manifest] as const) : undefined;
  return {
    from: from.given,
    to: to.given,
    ...(from.packages && to.packages
      ? { packages: comparePackages(from.packages, to.packages) }
      : {}),
    ...(both
      ? {
          sizes: changes(sizesOf(both[0]), sizesOf(both[1])),
          steps: compareSteps(...both),
          values: changes(valuesOf(both[0]), valuesOf(both[1])),
        }
      : {}),
  };
}
