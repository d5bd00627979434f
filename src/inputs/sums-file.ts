/**
 * Sums files, in the styles that are published: `hash  file` and `hash *file` (GNU coreutils, text
 * and binary mode), `SHA256 (file) = hash` (BSD), a bare hash, and the pointer that stands for a
 * file in Git LFS (git-lfs' docs/spec.md), which holds for whatever it is named.
 */
import { posix } from "node:path";
import { VmbuildError } from "../errors.js";
import { ALGORITHMS } from "./digest.js";
import type { Algorithm, Digest } from "./digest.js";

/** One line of a sums file. */
export interface SumsEntry extends Digest {
  /** As written; undefined for a bare hash. */
  readonly file: string | undefined;
}

const STRONGEST_FIRST = Object.keys(ALGORITHMS) as Algorithm[];

function algorithmOfLength(hex: string): Algorithm | undefined {
  return STRONGEST_FIRST.find((algorithm) => ALGORITHMS[algorithm] === hex.length);
}

/** `SHA256`, `SHA2-256` (OpenSSL 3) and `MD5` as an algorithm that we know. */
function algorithmOfTag(tag: string): Algorithm | undefined {
  const name = tag
    .toLowerCase()
    .replace(/^sha2-/, "sha")
    .replaceAll("-", "");
  return STRONGEST_FIRST.find((algorithm) => algorithm === name);
}

function parseLine(line: string): SumsEntry | undefined {
  const pointer = /^oid sha256:([0-9a-f]{64})$/.exec(line);
  if (pointer) return { algorithm: "sha256", hex: pointer[1] ?? "", file: undefined };
  const bsd = /^([A-Za-z0-9-]+) ?\((.+)\) ?= ?([0-9a-f]+)$/i.exec(line);
  if (bsd) {
    const [, tag = "", file, hex = ""] = bsd;
    const algorithm = algorithmOfTag(tag);
    if (!algorithm || ALGORITHMS[algorithm] !== hex.length) return undefined;
    return { algorithm, hex: hex.toLowerCase(), file };
  }
  const [, hex = "", file] = /^([0-9a-f]{32,128})(?:\s+\*?(\S.*))?$/i.exec(line) ?? [];
  const algorithm = algorithmOfLength(hex);
  return algorithm && { algorithm, hex: hex.toLowerCase(), file };
}

/** The entries of a sums file. Lines of any other form (comments, signatures) are passed over. */
export function parseSums(text: string): SumsEntry[] {
  return text.split(/\r?\n/).flatMap((line) => parseLine(line.trim()) ?? []);
}

/**
 * The digest that a sums file gives for a file name. Where it has several algorithms, the
 * strongest; where it has no names at all, its only hash.
 * @param source the sums file's address, for messages.
 * @throws {VmbuildError} INPUT_CHECKSUM when there is no entry, or several that disagree.
 */
export function findSum(text: string, fileName: string, source: string): Digest {
  const entries = parseSums(text);
  const named = entries.filter(({ file }) => file !== undefined);
  // The exact name first: one file of that name may lie at the top and others in folders.
  const exact = named.filter(({ file }) => file === fileName || file === `./${fileName}`);
  const alike = named.filter(({ file }) => file !== undefined && posix.basename(file) === fileName);
  const candidates = [exact, alike, named.length === 0 ? entries : []].find(
    ({ length }) => length > 0,
  );
  if (!candidates) {
    const names = named.map(({ file }) => file ?? "");
    throw new VmbuildError("INPUT_CHECKSUM", `${source} has no checksum for ${fileName}`, {
      hint: "The entry is looked up by the last part of the download's address.",
      lines: names.slice(0, 10).map((name) => `it names ${name}`),
      details: { source, fileName, entries: entries.length },
    });
  }
  const strongest = STRONGEST_FIRST.find((one) =>
    candidates.some((entry) => entry.algorithm === one),
  );
  const matching = candidates.filter(({ algorithm }) => algorithm === strongest);
  const [first, ...others] = matching;
  if (!first || others.some(({ hex }) => hex !== first.hex)) {
    throw new VmbuildError(
      "INPUT_CHECKSUM",
      `${source} has ${matching.length} different checksums for ${fileName}`,
      {
        hint: 'Give the right one itself: "sha256:<hex>".',
        lines: matching.map(({ algorithm, hex, file }) =>
          `${algorithm} ${hex} ${file ?? ""}`.trim(),
        ),
        details: { source, fileName },
      },
    );
  }
  return { algorithm: first.algorithm, hex: first.hex };
}
