/** The names that an artifact's own files have in the output folder, and which others may not have. */
import { posix } from "node:path";
import { isTemporaryName } from "../host/files.js";
import { checksumPath } from "./checksum-files.js";
import { ALGORITHMS } from "./digest.js";
import { MANIFEST_NAME } from "./manifest.js";
import { formatNamed } from "./registry.js";
import type { ImageFormat } from "./registry.js";

/**
 * Bytes. The longest file name of Linux, less what is added to a name while its file is written:
 * a dot before it, and `.xxxxxxxx.part` after it.
 */
const LONGEST_NAME = 255 - 15;
const LONGEST_CHECKSUM_ENDING = Math.max(...ALGORITHMS.map((name) => name.length + 1));

/** What decides the image's name. */
export interface NamedImage {
  readonly name: string;
  readonly version: string;
  readonly output: { readonly filename?: string | undefined; readonly format: ImageFormat };
}

/** The image's file name: the template's own, or `NAME-VERSION.FORMAT`. */
export function imageFilename({ name, version, output }: NamedImage): string {
  return output.filename ?? `${name}-${version}${formatNamed(output.format).extension}`;
}

/**
 * A name as file systems that ignore case compare it: FAT, SMB shares, and ext4 folders with
 * casefold. FAT drops dots and spaces at the end as well.
 */
function folded(name: string): string {
  return name
    .normalize("NFC")
    .toLowerCase()
    .replace(/[. ]+$/, "");
}

/** Returns whether two names can be one file, on some file system. */
export function sameName(one: string, other: string): boolean {
  return folded(one) === folded(other);
}

/** The artifact's own names with what each is, whatever checksums are wanted. */
function ownNames(filename: string): [string, string][] {
  return [
    [filename, "the image"],
    [MANIFEST_NAME, "the manifest"],
    ...ALGORITHMS.map((algorithm): [string, string] => [
      checksumPath(filename, algorithm),
      `the image's ${algorithm} checksum file`,
    ]),
  ];
}

/** Returns what is wrong with a name for any file of the output folder. */
function nameProblem(name: string, longest: number): string | undefined {
  if (isTemporaryName(name)) return `"${name}" has the form of vmbuild's temporary file names`;
  const bytes = Buffer.byteLength(name);
  return bytes > longest
    ? `a name of ${bytes} bytes is too long; the maximum is ${longest}`
    : undefined;
}

/** Returns what is wrong with the image's file name, or undefined. */
export function filenameProblem(filename: string): string | undefined {
  if (sameName(filename, MANIFEST_NAME)) {
    return `the image cannot have the name "${filename}": ${MANIFEST_NAME} is reserved for the manifest`;
  }
  const ending = ALGORITHMS.find((name) => folded(filename).endsWith(`.${name}`));
  if (ending !== undefined) {
    return `the image cannot have the name "${filename}": names that end in .${ending} are reserved for checksum files`;
  }
  return nameProblem(filename, LONGEST_NAME - LONGEST_CHECKSUM_ENDING);
}

/**
 * Returns what is wrong with a file or folder that a step makes in the output folder, or undefined.
 * @param path relative to the output folder. A path that leads out of it is not judged here.
 */
export function companionProblem(path: string, filename: string): string | undefined {
  const name = entryOf(path);
  if (name === undefined) return undefined;
  const own = ownNames(filename).find(([other]) => sameName(name, other));
  if (own === undefined) return nameProblem(name, LONGEST_NAME);
  const [taken, what] = own;
  const same = name === taken ? "" : " on file systems that ignore case";
  return `"${name}" is reserved for ${what}${same}`;
}

/** Returns the entry of the output folder that a path in it makes: its first part. */
export function entryOf(path: string): string | undefined {
  const [first = ""] = posix.normalize(path).replace(/^\/+/, "").split("/");
  return first === "" || first === "." || first === ".." ? undefined : first;
}
