/** Lists the packages of a guest: the question to the guest, its answer, and `packages.txt`. */
import { markedLines } from "../host/lines.js";
import { LIST_RPM_REPOSITORIES, readRpmRepositories } from "./rpm-repositories.js";
import type { RpmRepository } from "./rpm-repositories.js";
import type { PackageType } from "./versions.js";

/** Installed package. */
export interface InstalledPackage {
  readonly type: PackageType;
  readonly name: string;
  /** With the epoch where it is not 0: `1:2.3-4`. */
  readonly version: string;
  /** As the package manager names it: `amd64`, `all`, `x86_64`, `noarch`. */
  readonly arch: string;
  /** Source package, where it differs: its name, and its version where that differs too. */
  readonly source?: { readonly name: string; readonly version?: string };
  readonly summary?: string;
  /** Who maintains or distributes the package. */
  readonly supplier?: string;
  /** License as the package states it; rpm only. */
  readonly license?: string;
}

/** List of packages that apt of a guest reads, as `apt-get indextargets` names it. */
export interface AptIndex {
  /** Address of the folder with `InRelease`, without credentials, with a slash at the end. */
  readonly release: string;
  /** Path of the list below it, without compression: `main/binary-amd64/Packages`. */
  readonly packages: string;
}

/** Content of a guest. */
export interface GuestPackages {
  /** Values of `/etc/os-release`. */
  readonly os: Readonly<Record<string, string>>;
  /** Sorted by name, architecture and version. */
  readonly packages: readonly InstalledPackage[];
  /** Lists of the sources of apt that are reached over HTTP. */
  readonly indexes: readonly AptIndex[];
  /** Repositories of dnf, yum and zypper that are reached over HTTP. */
  readonly repositories: readonly RpmRepository[];
}

const MARKS = {
  ...{ os: "vmbuild-os", deb: "vmbuild-deb", rpm: "vmbuild-rpm", index: "vmbuild-index" },
} as const;
const DEB_FIELDS = [
  ...["${Status}", "${Package}", "${Version}", "${Architecture}"],
  ...["${source:Package}", "${source:Version}", "${Maintainer}", "${binary:Summary}"],
];
const RPM_FIELDS = [
  ...["%{NAME}", "%{EPOCHNUM}", "%{VERSION}", "%{RELEASE}", "%{ARCH}"],
  ...["%{SOURCERPM}", "%{LICENSE}", "%{VENDOR}", "%{SUMMARY}"],
];

/**
 * Shell code that prints the lists of packages that apt reads. Versions of apt before 1.1 do not have
 * this command.
 *
 * apt parses all lists before it answers, which takes many seconds in an emulated guest, and writes
 * caches, which the seal may have removed just before. It therefore gets a folder with the signed
 * indexes and empty lists, and no caches. Without signed indexes it prints nothing.
 */
const LIST_APT_INDEXES = `
lists=/run/vmbuild-apt-lists-$$ own=
set -- /var/lib/apt/lists/*Release
if [ -e "$1" ]; then
  if mkdir -m 700 "$lists" 2>/dev/null; then
    own="-o Dir::State::lists=$lists -o Dir::State::status=/dev/null"
    ln -s "$@" "$lists"
    for file in /var/lib/apt/lists/*_Packages*; do
      [ -e "$file" ] || continue
      file=\${file##*/}
      : >"$lists/\${file%_Packages*}_Packages"
    done
  fi
  apt-get $own -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= indextargets --format '${MARKS.index} $(URI)\t$(METAKEY)' 'Identifier: Packages' 2>/dev/null || :
  [ -z "$own" ] || rm -rf "$lists"
fi`;

/**
 * Shell code that prints the packages of a guest. Its output is read by {@link readPackages}. A
 * guest without dpkg and rpm prints none.
 */
export const LIST_PACKAGES = [
  "export LC_ALL=C",
  // The shell itself reads the file: an emulated guest takes a tenth of a second to start a program.
  "release=/etc/os-release",
  '[ -e "$release" ] || release=/usr/lib/os-release',
  `[ ! -e "$release" ] || while IFS= read -r line || [ -n "$line" ]; do printf '%s\\n' "${MARKS.os} $line"; done <"$release"`,
  // A system of rpm's packages may have dpkg as a tool.
  "if command -v dpkg-query >/dev/null && [ -s /var/lib/dpkg/status ]; then",
  `dpkg-query -W -f '${MARKS.deb} ${DEB_FIELDS.join("\\t")}\\n' || exit`,
  "fi",
  "if command -v apt-get >/dev/null; then",
  LIST_APT_INDEXES,
  "fi",
  "if command -v rpm >/dev/null; then",
  `rpm -qa --qf '${MARKS.rpm} ${RPM_FIELDS.join("\\t")}\\n' || exit`,
  LIST_RPM_REPOSITORIES,
  "fi",
].join("\n");

/** Returns a field, or undefined where it is empty or rpm's `(none)`. */
function present(text: string | undefined): string | undefined {
  const trimmed = text?.trim() ?? "";
  return trimmed === "" || trimmed === "(none)" ? undefined : trimmed;
}

/** Returns an object without the values that are undefined. */
function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** Reads a line of dpkg-query; undefined for a package of which only configuration is left. */
function readDeb(line: string): InstalledPackage | undefined {
  const [status, name, version, arch, source, sourceVersion, maintainer, summary] =
    line.split("\t");
  if (!status?.endsWith(" installed") || !name || !version) return undefined;
  const ofSource = present(source);
  const differs = ofSource !== undefined && (ofSource !== name || sourceVersion !== version);
  const other = present(sourceVersion);
  return {
    ...{ type: "deb", name, version, arch: present(arch) ?? "all" },
    ...(differs
      ? { source: { name: ofSource, ...(other && other !== version ? { version: other } : {}) } }
      : {}),
    ...(defined({ supplier: present(maintainer), summary: present(summary) }) as object),
  };
}

/** Reads a line of rpm; undefined for a key of signatures, which rpm lists as a package. */
function readRpm(line: string): InstalledPackage | undefined {
  const [name, epoch, version, release, arch, source, license, vendor, summary] = line.split("\t");
  if (!name || !version || name === "gpg-pubkey") return undefined;
  const prefix = present(epoch) === undefined || epoch === "0" ? "" : `${epoch}:`;
  const parts = /^(.+)-([^-]+-[^-]+)\.(?:no)?src\.rpm$/.exec(present(source) ?? "");
  const differs = parts?.[1] !== undefined && parts[1] !== name;
  return {
    ...{ type: "rpm", name, version: `${prefix}${version}-${release}` },
    arch: present(arch) ?? "noarch",
    ...(differs ? { source: { name: parts[1] ?? "", version: parts[2] ?? "" } } : {}),
    ...(defined({
      supplier: present(vendor),
      summary: present(summary),
      license: present(license),
    }) as object),
  };
}

const order = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

function byName(one: InstalledPackage, other: InstalledPackage): number {
  return (
    order(one.name, other.name) || order(one.arch, other.arch) || order(one.version, other.version)
  );
}

/** Reads the values of an os-release file (os-release(5)). */
function readOsRelease(lines: readonly string[]): Record<string, string> {
  const values = lines.flatMap((line): [string, string][] => {
    const [, key, text = ""] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim()) ?? [];
    if (key === undefined) return [];
    const quoted = /^(["'])(.*)\1$/.exec(text);
    return [[key, (quoted?.[2] ?? text).replaceAll(/\\(["'$`\\])/g, "$1")]];
  });
  return Object.fromEntries(values);
}

/** Reads a line of apt; undefined for a source that is not reached over HTTP, such as a CD. */
function readIndex(line: string): AptIndex | undefined {
  const [address = "", packages = ""] = line.split("\t");
  if (!/^https?:/.test(address) || !URL.canParse(address)) return undefined;
  if (packages === "" || !address.endsWith(packages)) return undefined;
  const url = new URL(address.slice(0, -packages.length));
  [url.username, url.password] = ["", ""];
  return { release: url.href, packages };
}

/** Reads the output of {@link LIST_PACKAGES}. */
export function readPackages(lines: readonly string[]): GuestPackages {
  const deb = markedLines(lines, MARKS.deb).map(readDeb);
  const rpm = markedLines(lines, MARKS.rpm).map(readRpm);
  const packages = [...deb, ...rpm].filter((one) => one !== undefined).toSorted(byName);
  const indexes = markedLines(lines, MARKS.index)
    .map(readIndex)
    .filter((one) => one !== undefined);
  const os = readOsRelease(markedLines(lines, MARKS.os));
  return { os, packages, indexes, repositories: readRpmRepositories(lines, os) };
}

/** Package as `packages.txt` contains it. */
export type ListedPackage = Pick<InstalledPackage, "type" | "name" | "version" | "arch">;

/** Formats `packages.txt`: name, version, architecture and type, with a tab between them. */
export function formatPackages(packages: readonly ListedPackage[]): string {
  return packages
    .map(({ name, version, arch, type }) => `${[name, version, arch, type].join("\t")}\n`)
    .join("");
}

/** Parses `packages.txt`. Lines of another form are left out. */
export function parsePackages(text: string): ListedPackage[] {
  return text.split("\n").flatMap((line): ListedPackage[] => {
    const [name, version, arch, type] = line.split("\t");
    if (!name || !version || !arch) return [];
    return [{ name, version, arch, type: type === "rpm" ? "rpm" : "deb" }];
  });
}
