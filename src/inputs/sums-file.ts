/** Finds the digest of a file in a checksum file, and the algorithms that it may be of. */
import { basename } from "node:path/posix";
import { VmbuildError } from "../errors.js";
import { algorithmOfTag, isUnsupportedTag, STRONGEST_FIRST } from "./algorithms.js";
import type { Expected } from "./expected.js";
import { readSumsLine } from "./sums-line.js";
import type { SkippedLine, SumsEntry } from "./sums-line.js";

/** Content of a checksum file. */
export interface Sums {
  readonly entries: readonly SumsEntry[];
  /** Lines that look like checksums but cannot be used. */
  readonly skipped: readonly SkippedLine[];
}

/** Entry of a checksum file for one file. */
export interface FoundSum {
  readonly expected: Expected;
  /** Lines that name the file but could not be used, for a note. */
  readonly skipped: readonly string[];
}

const MAX_SHOWN = 10;
const MAX_HEADING_LENGTH = 80;

/** Returns the algorithm that a line without a checksum names: `# SHA512 HASH`, `SHA256:`. */
function headingIn(line: string): string | undefined {
  // The header of a signed message names the digest of the signature, not of the files.
  if (line.length > MAX_HEADING_LENGTH || /^Hash: /i.test(line)) return undefined;
  const words = line.replace(/^Checksums-/i, "").match(/[A-Za-z][A-Za-z0-9]*(?:[-/]\d+)?/g) ?? [];
  const named = words.filter(
    (word) => algorithmOfTag(word) !== undefined || isUnsupportedTag(word),
  );
  return new Set(named.map((word) => word.toLowerCase())).size === 1 ? named[0] : undefined;
}

/**
 * Returns the algorithm in the name of a checksum file: `SHA256SUMS`, `disk.img.sha512`,
 * `b2sums.txt`.
 */
function algorithmInName(source: string): string | undefined {
  const words = basename(source.split(/[?#]/)[0] ?? "").split(/[^A-Za-z0-9]+/);
  return words.findLast((word) => algorithmOfTag(word) !== undefined);
}

/** Joins the lines over which gpg --print-md spreads one digest. */
function joined(text: string): string {
  return text.replaceAll(/\n[ \t]+(?=[0-9A-F]{2,8}(?:[ \t]+[0-9A-F]{2,8})*[ \t]*(?:\n|$))/g, " ");
}

/**
 * Parses a checksum file. Other lines (comments, signatures) are ignored. Pure.
 * @param source its address, whose name may contain the algorithm.
 */
export function parseSums(text: string, source = ""): Sums {
  const entries: SumsEntry[] = [];
  const skipped: SkippedLine[] = [];
  const named = algorithmInName(source);
  let heading: string | undefined;
  for (const [index, line] of joined(text.replaceAll("\r\n", "\n")).split("\n").entries()) {
    const result = readSumsLine(line, heading ?? named);
    if (!result) {
      if (line.trim() !== "") heading = headingIn(line.trim()) ?? heading;
    } else if ("entry" in result) entries.push(result.entry);
    else skipped.push({ number: index + 1, reason: result.reason, text: line });
  }
  return { entries, skipped };
}

/** Returns the last component of a path with either kind of separator. */
function lastPart(name: string): string {
  return name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
}

/**
 * Returns the entries for a file. An exact match of the name takes precedence, because files in
 * other folders may have the same base name.
 */
function entriesFor({ entries }: Sums, fileName: string): readonly SumsEntry[] {
  const named = entries.filter(({ names }) => names.length > 0);
  const exact = named.filter(({ names }) =>
    names.some((name) => name.replace(/^\.[\\/]/, "") === fileName),
  );
  const alike = named.filter(({ names }) => names.some((name) => lastPart(name) === fileName));
  const found = [exact, alike, named.length === 0 ? entries : []];
  return found.find(({ length }) => length > 0) ?? [];
}

function strengthOf({ algorithms: [first] }: SumsEntry): number {
  return first === undefined ? Infinity : STRONGEST_FIRST.indexOf(first);
}

/**
 * Returns the entries of the strongest algorithm; of those with the same length, the ones that
 * state their algorithm.
 */
function strongestOf(entries: readonly SumsEntry[]): readonly SumsEntry[] {
  const longest = Math.max(...entries.map(({ hex }) => hex.length));
  const long = entries.filter(({ hex }) => hex.length === longest);
  const said = long.filter(({ algorithmIsStated }) => algorithmIsStated);
  if (said.length === 0) return long;
  const best = Math.min(...said.map(strengthOf));
  return said.filter((entry) => strengthOf(entry) === best);
}

/**
 * Returns whether several entries may legitimately differ: SHA-512, SHA3-512 and BLAKE2b are
 * published side by side without a label, other algorithms are not.
 */
function mayDiffer(entries: readonly SumsEntry[], different: number): boolean {
  return entries.every(
    ({ algorithmIsStated, hex, algorithms }) =>
      !algorithmIsStated && hex.length === 128 && different <= algorithms.length,
  );
}

function namesLines(sums: Sums, fileName: string): string[] {
  const skipped = sums.skipped.map(({ number, reason }) => `line ${number} is skipped: ${reason}`);
  const names = sums.entries.flatMap((entry) => entry.names.slice(0, 1));
  return [
    ...skippedFor(sums, fileName),
    ...(skippedFor(sums, fileName).length > 0 ? [] : skipped.slice(0, MAX_SHOWN)),
    ...names.slice(0, MAX_SHOWN).map((name) => `it names ${name}`),
  ];
}

function skippedFor({ skipped }: Sums, fileName: string): string[] {
  return skipped
    .filter(({ text }) => text.includes(fileName))
    .map(({ number, reason }) => `line ${number} names ${fileName} and is skipped: ${reason}`);
}

/**
 * Finds the digests for a file name in a checksum file: those of the strongest algorithm, or the
 * only digest in a file without names.
 * @param source the address of the checksum file, for messages.
 * @throws {VmbuildError} INPUT_CHECKSUM when there is no entry, or when several disagree.
 */
export function findSum(text: string, fileName: string, source: string): FoundSum {
  const sums = parseSums(text, source);
  const candidates = entriesFor(sums, fileName);
  if (candidates.length === 0) {
    throw new VmbuildError("INPUT_CHECKSUM", `${source} has no checksum for ${fileName}`, {
      hint: "The entry is found by the last path segment of the download's URL.",
      lines: namesLines(sums, fileName),
      details: { source, fileName, entries: sums.entries.length },
    });
  }
  const matching = strongestOf(candidates);
  const different = [...new Map(matching.map((entry) => [entry.hex, entry])).values()];
  if (different.length > 1 && !mayDiffer(different, different.length)) {
    throw new VmbuildError(
      "INPUT_CHECKSUM",
      `${source} has ${matching.length} different checksums for ${fileName}`,
      {
        hint: 'Give the right checksum itself: "sha256:<hex>".',
        lines: matching.map(({ algorithms, hex, names }) =>
          `${algorithms.join("/")} ${hex} ${names[0] ?? ""}`.trim(),
        ),
        details: { source, fileName },
      },
    );
  }
  const expected = different.map(({ hex, algorithms }) => ({ hex, algorithms }));
  return { expected, skipped: skippedFor(sums, fileName) };
}
