/**
 * Defines the names of an artifact's own files in the output folder, which other files may not use.
 */
import { posix } from "node:path";
import { isTemporaryName } from "../host/files.js";
import { checksumPath } from "./checksum-files.js";
import { ALGORITHMS } from "./digest.js";
import { MANIFEST_NAME } from "./manifest.js";
import { packNamed } from "./packs.js";
import type { Pack } from "./packs.js";
import { formatNamed } from "./registry.js";
import type { ImageFormat } from "./registry.js";

/**
 * Longest file name in bytes: Linux's limit minus the dot before and the `.xxxxxxxx.part` after the
 * name of a temporary file.
 */
const MAX_NAME_LENGTH = 255 - 15;
/** Names of the files that list the packages of the guest (`output.packages`). */
export const PACKAGES_NAME = "packages.txt";
export const SBOM_NAME = "sbom.cdx.json";

/** Returns the names of the provenance of an image, and of its signature (slsa.dev/spec/v1.0). */
export function provenanceNames(filename: string): [statement: string, signature: string] {
  const statement = `${filename}.intoto.jsonl`;
  return [statement, `${statement}.sig`];
}

/** Name of the file that tells whether an image is up to date. */
export const CACHE_KEY_NAME = ".cache-key";

/** Endings of copies of the manifest and the lists beside an image, as `publish --metadata` makes them. */
export const METADATA_SUFFIXES = {
  manifest: ".manifest.json",
  packages: ".packages.txt",
  sbom: ".cdx.json",
  provenance: ".intoto.jsonl",
  signature: ".intoto.jsonl.sig",
} as const;

/** Settings of the output by which further names are reserved. */
export interface ReservedNames {
  /** Whether the packages of the guest are listed. */
  readonly packages: boolean;
  /** Set where the first image has a provenance. */
  readonly provenance?: object | boolean | undefined;
}

const MAX_CHECKSUM_ENDING_LENGTH = Math.max(...ALGORITHMS.map((name) => name.length + 1));

/** Fields of a template that determine the image's name. */
export interface NamedImage {
  readonly name: string;
  readonly version: string;
  readonly output: {
    readonly filename?: string | undefined;
    readonly format: ImageFormat;
    readonly pack?: Pack | undefined;
  };
}

/** Returns the image's file name: the template's own, or `NAME-VERSION.FORMAT`. */
export function imageFilename({ name, version, output }: NamedImage): string {
  const { filename, format, pack } = output;
  const packed = pack === undefined ? "" : packNamed(pack).extension;
  return filename ?? `${name}-${version}${formatNamed(format).extension}${packed}`;
}

/**
 * Folds a name as case-insensitive file systems do: FAT, SMB shares, and ext4 folders with
 * casefold. FAT also drops dots and spaces at the end.
 */
function foldCase(name: string): string {
  return name
    .normalize("NFC")
    .toLowerCase()
    .replace(/[. ]+$/, "");
}

/** Returns whether two names may be the same file on some file system. */
export function sameName(one: string, other: string): boolean {
  return foldCase(one) === foldCase(other);
}

/** Returns the artifact's own names and their purposes, for every possible checksum. */
function ownNames(
  filenames: readonly string[],
  { packages, provenance = false }: ReservedNames,
): [string, string][] {
  const purpose = "the list of packages, unless output.packages is false";
  const lists: [string, string][] = [
    [PACKAGES_NAME, purpose],
    [SBOM_NAME, purpose],
  ];
  return [
    ...filenames.map((filename): [string, string] => [filename, "the image"]),
    [MANIFEST_NAME, "the manifest"],
    [CACHE_KEY_NAME, "the key of the image"],
    ...(packages ? lists : []),
    ...(provenance === false ? [] : filenames.slice(0, 1).flatMap(provenanceNames)).map(
      (name): [string, string] => [name, "the provenance of the image"],
    ),
    ...filenames.flatMap((filename) =>
      ALGORITHMS.map((algorithm): [string, string] => [
        checksumPath(filename, algorithm),
        `the image's ${algorithm} checksum file`,
      ]),
    ),
  ];
}

/** Returns the problem of a name for any file of the output folder; undefined when it is valid. */
function nameProblem(name: string, longest: number): string | undefined {
  if (isTemporaryName(name)) return `"${name}" has the form of vmbuild's temporary file names`;
  const bytes = Buffer.byteLength(name);
  return bytes > longest
    ? `a name of ${bytes} bytes is too long; the maximum is ${longest}`
    : undefined;
}

/** Returns the problem of the image's file name; undefined when it is valid. */
export function filenameProblem(filename: string): string | undefined {
  if (sameName(filename, MANIFEST_NAME)) {
    return `the image cannot have the name "${filename}": ${MANIFEST_NAME} is reserved for the manifest`;
  }
  if (sameName(filename, CACHE_KEY_NAME)) {
    return `the image cannot have the name "${filename}": ${CACHE_KEY_NAME} is reserved for its key`;
  }
  const list = [PACKAGES_NAME, SBOM_NAME].find((name) => sameName(filename, name));
  if (list !== undefined) {
    return `the image cannot have the name "${filename}": ${list} is reserved for the list of packages`;
  }
  const ending = ALGORITHMS.find((name) => foldCase(filename).endsWith(`.${name}`));
  if (ending !== undefined) {
    return `the image cannot have the name "${filename}": names that end in .${ending} are reserved for checksum files`;
  }
  return nameProblem(filename, MAX_NAME_LENGTH - MAX_CHECKSUM_ENDING_LENGTH);
}

/**
 * Returns the problem of a file or folder that a step creates in the output folder; undefined when
 * it is valid.
 * @param path relative to the output folder. A path that leads out of it is not checked here.
 * @param filenames the names of the images.
 * @param reserved settings by which further names are reserved.
 */
export function companionProblem(
  path: string,
  filenames: readonly string[],
  reserved: ReservedNames = { packages: false },
): string | undefined {
  const name = entryOf(path);
  if (name === undefined) return undefined;
  const own = ownNames(filenames, reserved).find(([other]) => sameName(name, other));
  if (own === undefined) return nameProblem(name, MAX_NAME_LENGTH);
  const [taken, what] = own;
  const same = name === taken ? "" : " on file systems that ignore case";
  return `"${name}" is reserved for ${what}${same}`;
}

/** Returns the first component of a path: the entry that it creates in the output folder. */
export function entryOf(path: string): string | undefined {
  const [first = ""] = posix.normalize(path).replace(/^\/+/, "").split("/");
  return first === "" || first === "." || first === ".." ? undefined : first;
}
