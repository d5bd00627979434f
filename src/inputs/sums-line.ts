/**
 * Parses one line of a checksum file in the published formats: GNU coreutils (`hash  file`, `hash
 * *file`), BSD and OpenSSL (`SHA256 (file) = hash`), a bare hash, `sha256:hash  file`, the name
 * first, a size in between (Debian's Release files), PowerShell's table, gpg's `--print-md`, and
 * the pointer file of Git LFS.
 */
import { ALGORITHMS, algorithmOfTag, algorithmsOfLength, isUnsupportedTag } from "./algorithms.js";
import type { Algorithm } from "./algorithms.js";

/** Digest in a line, and the file names that it may belong to. */
export interface SumsEntry {
  readonly hex: string;
  /** Possible algorithms, the most common first. */
  readonly algorithms: readonly Algorithm[];
  /** True when the file itself states the algorithm. */
  readonly algorithmIsStated: boolean;
  /** Possible file names, the most likely first; none for a bare hash. */
  readonly names: readonly string[];
}

/** Line that looks like a checksum but cannot be used. */
export interface SkippedLine {
  /** Line number, from 1. */
  readonly number: number;
  readonly reason: string;
  readonly text: string;
}

/** Values that a format extracts from a line, before they are validated. */
interface Reading {
  readonly tag?: string | undefined;
  readonly value: string;
  readonly names?: readonly string[];
}

const HEX = "[0-9a-f]{32,}";
const TAG = "[a-z][a-z0-9/_-]*";

/** Reverses GNU coreutils' escaping of names with a line break or backslash. */
function unescaped(name: string): string {
  return name.replaceAll(/\\([\\nr])/g, (_, what: string) =>
    what === "n" ? "\n" : what === "r" ? "\r" : "\\",
  );
}

type Form = readonly [RegExp, (match: readonly string[]) => Reading | undefined];

function isTag(word: string): boolean {
  return algorithmOfTag(word) !== undefined || isUnsupportedTag(word);
}

/** Formats in the order in which they are tried: the more specific ones first. */
const FORMS: readonly Form[] = [
  // The pointer of git-lfs' docs/spec.md applies to any file name.
  [/^oid (sha256):([0-9a-f]{64})$/, ([, tag = "", value = ""]) => ({ tag, value })],
  [
    new RegExp(String.raw`^(\\?)(${TAG}) ?\((.+)\) ?= ?([0-9a-z+/=]+)$`, "i"),
    ([, escape, tag, name = "", value = ""]) => ({
      tag,
      value,
      names: [escape === "\\" ? unescaped(name) : name],
    }),
  ],
  [
    new RegExp(String.raw`^(${TAG})(?::|=| = |: )\s*(${HEX})(?:\s+\*?(\S.*))?$`, "i"),
    ([, tag = "", value = "", name]) =>
      isTag(tag) ? { tag, value, names: name === undefined ? [] : [name] } : undefined,
  ],
  [
    new RegExp(String.raw`^(\\?)(${HEX})(?:\s+\*?(\S.*))?$`, "i"),
    ([, escape, value = "", name]) => {
      if (name === undefined) return { value };
      const whole = escape === "\\" ? unescaped(name) : name;
      const sized = /^\d+\s+(\S.*)$/.exec(whole)?.[1];
      return { value, names: sized === undefined ? [whole] : [whole, sized] };
    },
  ],
  [
    new RegExp(String.raw`^(sha-?\d+|md5|sha\d+-\d+|blake2\w*)\s+(${HEX})\s+(\S.*)$`, "i"),
    ([, tag, value = "", name = ""]) => ({ tag, value, names: [name] }),
  ],
  [
    new RegExp(String.raw`^([^\s#;].*?)(?:\s*[:=]\s*|\s+)(?:(${TAG})[:=]\s*)?(${HEX})$`, "i"),
    ([, name = "", tag, value = ""]) => {
      const sized = /^(\S.*?)\s+\d+$/.exec(name)?.[1];
      return { tag, value, names: sized === undefined ? [name] : [name, sized] };
    },
  ],
];

/**
 * Format `file: AB CD …` of gpg --print-md and Apache's projects, with or without the algorithm.
 */
const GROUPS =
  /^(\S.*?):\s*(?:((?:SHA|MD|RMD|BLAKE)[A-Z0-9-]*)\s*=\s*)?([0-9A-F]{2,8}(?:\s+[0-9A-F]{2,8}){3,})$/;

function readingOf(line: string): Reading | undefined {
  const groups = GROUPS.exec(line);
  if (groups) {
    const [, name = "", tag, value = ""] = groups;
    return { tag, value: value.replaceAll(/\s/g, ""), names: [name] };
  }
  for (const [pattern, read] of FORMS) {
    const match = pattern.exec(line);
    const reading = match && read(match);
    if (reading) return reading;
  }
  return undefined;
}

/** Result of parsing a line: an entry, or the reason why it cannot be used. */
export type LineResult = { readonly entry: SumsEntry } | { readonly reason: string } | undefined;

/** Number of hexadecimal digits of an MD5 digest. */
const SHORTEST = 32;
const PLAIN_HEX = /^[0-9a-f]+$/i;

/**
 * Parses a line. Pure.
 * @param heading the algorithm named by the lines above; undefined where there is none.
 * @returns undefined for lines without a checksum, such as comments.
 */
export function readSumsLine(line: string, heading: string | undefined): LineResult {
  const reading = readingOf(line.trim());
  if (!reading) return undefined;
  const { value, names = [] } = reading;
  const tag = reading.tag ?? heading;
  const said = tag === undefined ? undefined : algorithmOfTag(tag);
  if (!PLAIN_HEX.test(value)) {
    if (reading.tag === undefined || !isTag(reading.tag)) return undefined;
    return { reason: "its checksum is not in hexadecimal digits" };
  }
  if (tag !== undefined && !said && (isUnsupportedTag(tag) || reading.tag !== undefined)) {
    // "SIZE (file) = 1234" is not a checksum.
    return value.length < SHORTEST ? undefined : { reason: `${tag} is not supported` };
  }
  const hex = value.toLowerCase();
  const shown = names.filter((name) => name !== "-");
  const isRight = said !== undefined && ALGORITHMS[said] === hex.length;
  if (isRight) return { entry: { hex, algorithms: [said], algorithmIsStated: true, names: shown } };
  if (said !== undefined && reading.tag !== undefined) {
    return {
      reason: `it has ${hex.length} hexadecimal digits, but ${tag} has ${ALGORITHMS[said]}`,
    };
  }
  const algorithms = algorithmsOfLength(hex.length);
  if (algorithms.length === 0) {
    return { reason: `no algorithm has ${hex.length} hexadecimal digits` };
  }
  return { entry: { hex, algorithms, algorithmIsStated: false, names: shown } };
}
