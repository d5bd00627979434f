/** Checks the patches that a guest has collected, and sums them. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { isUtf8 } from "node:buffer";
import { VmbuildError } from "../errors.js";
import { readIfThere } from "../host/files.js";
import { listTree } from "../host/tree.js";
import { parsePackages } from "../packages/list.js";
import type { ListedPackage } from "../packages/list.js";

/** File with the sums of all others, in the format of `sha256sum`. */
export const SUMS_NAME = "SHA256SUMS";
/** Names in the folder that `provisioners/70-collect-patches.sh` fills. */
const PACKAGES_NAME = "packages.txt";
const ADVISORIES_NAME = "security_advisories.txt";

/** Python wheel. */
export interface Wheel {
  readonly name: string;
  readonly version: string;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** Content of collected patches. */
export interface Patches {
  readonly packages: readonly ListedPackage[];
  readonly wheels: readonly Wheel[];
}

function invalid(message: string, lines: readonly string[] = []): VmbuildError {
  return new VmbuildError("PATCHES_INVALID", message, { lines: [...lines] });
}

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest("hex");
}

/**
 * Returns the names of all files in a folder of patches, sorted as bytes, without the sums and their
 * signature.
 * @throws {VmbuildError} PATCHES_INVALID for anything but files and folders, and for names that
 *   cannot be part of a list of sums.
 */
async function filesOf(folder: string): Promise<string[]> {
  const entries = await listTree(folder);
  const odd = entries.filter(
    ({ type, bytes, name }) => type === "symlink" || !isUtf8(bytes) || /[\\\p{Cc}]/u.test(name),
  );
  if (odd.length > 0) {
    const lines = odd.map(({ name }) => name);
    throw invalid("The patches contain links, or names with control characters", lines);
  }
  const names = entries.flatMap(({ type, bytes }) => (type === "file" ? [bytes.toString()] : []));
  return names.filter((name) => name !== SUMS_NAME && name !== `${SUMS_NAME}.asc`);
}

/** Parses the lines of `sha256sum`. */
function parseSums(text: string): Map<string, string> {
  const lines = text.split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line): [string, string] => {
      const [, hex, name] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
      if (hex === undefined || name === undefined) throw invalid(`${SUMS_NAME} is damaged`, [line]);
      return [name, hex];
    }),
  );
}

/** Writes the sums of all files of a folder of patches. */
export async function writeSums(folder: string, signal: AbortSignal): Promise<void> {
  const lines: string[] = [];
  for (const name of await filesOf(folder)) {
    lines.push(`${await sha256Of(join(folder, name), signal)}  ${name}\n`);
  }
  await writeFile(join(folder, SUMS_NAME), lines.join(""));
}

/** Reads name and version from the file name of a wheel (PEP 427). */
function readWheel([path, sha256]: [string, string]): Wheel[] {
  const [, name, version] = /^wheels\/([^-/]+)-([^-/]+)-[^/]*\.whl$/.exec(path) ?? [];
  return name === undefined || version === undefined ? [] : [{ name, version, sha256 }];
}

/**
 * Reads the patches in a folder, and requires the files that the guest has summed, unchanged.
 * @throws {VmbuildError} PATCHES_INVALID with each problem.
 */
export async function readPatches(folder: string, signal: AbortSignal): Promise<Patches> {
  const text = await readIfThere(join(folder, SUMS_NAME));
  if (text === undefined) throw invalid(`The patches have no ${SUMS_NAME}`);
  const sums = parseSums(text);
  const names = await filesOf(folder);
  const problems = [...sums.keys()]
    .filter((name) => !names.includes(name))
    .map((name) => `${name} is missing`);
  for (const name of names) {
    const expected = sums.get(name);
    if (expected === undefined) problems.push(`${name} is not in ${SUMS_NAME}`);
    else if ((await sha256Of(join(folder, name), signal)) !== expected) {
      problems.push(`${name} does not have its sum`);
    }
  }
  const hasRepository = names.includes("Packages") || names.includes("repodata/repomd.xml");
  if (!hasRepository) problems.push("there is no repository: repodata/repomd.xml or Packages");
  for (const name of [PACKAGES_NAME, ADVISORIES_NAME]) {
    if (!names.includes(name)) problems.push(`${name} is missing`);
  }
  if (problems.length > 0) throw invalid("The patches of the guest are not complete", problems);
  const packages = parsePackages(await readFile(join(folder, PACKAGES_NAME), "utf8"));
  return { packages, wheels: [...sums].flatMap(readWheel) };
}
