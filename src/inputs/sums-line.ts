/**
 * One line of a sums file, in the forms that are published: GNU coreutils (`hash  file`,
 * `hash *file`), BSD and OpenSSL (`SHA256 (file) = hash`), a bare hash, `sha256:hash  file`, the
 * name first, a size in between (Debian's Release files), PowerShell's table, gpg's `--print-md`,
 * and the pointer that stands for a file in Git LFS.
 */
import { ALGORITHMS, algorithmOfTag, algorithmsOfLength, isForeignTag } from "./algorithms.js";
import type { Algorithm } from "./algorithms.js";

/** A digest in a line, and the names that it may be given for. */
export interface SumsEntry {
  readonly hex: string;
  /** Those that it may be of, the most common first. */
  readonly algorithms: readonly Algorithm[];
  /** Whether the file itself says which. */
  readonly isSaid: boolean;
  /** Readings of the name, the likeliest first; none for a bare hash. */
  readonly names: readonly string[];
}

/** A line that looks like a checksum and cannot be used. */
export interface SkippedLine {
  /** From 1. */
  readonly number: number;
  readonly reason: string;
  readonly text: string;
}

/** What a form reads in a line, before it is known whether that makes sense. */
interface Reading {
  readonly tag?: string | undefined;
  readonly value: string;
  readonly names?: readonly string[];
}

const HEX = "[0-9a-f]{32,}";
const TAG = "[a-z][a-z0-9/_-]*";

/** Undoes what GNU coreutils does to a name with a line break or backslash in it. */
function unescaped(name: string): string {
  return name.replaceAll(/\\([\\nr])/g, (_, what: string) =>
    what === "n" ? "\n" : what === "r" ? "\r" : "\\",
  );
}

type Form = readonly [RegExp, (match: readonly string[]) => Reading | undefined];

function isTag(word: string): boolean {
  return algorithmOfTag(word) !== undefined || isForeignTag(word);
}

/** In this order: an earlier form is the more certain one. */
const FORMS: readonly Form[] = [
  // The pointer of git-lfs' docs/spec.md holds for whatever the file is named.
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

/** `file: AB CD …`, as gpg --print-md and Apache's projects write it, with its algorithm or not. */
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

/** What reading a line gives: an entry, or the reason why it is none. */
export type LineResult = { readonly entry: SumsEntry } | { readonly reason: string } | undefined;

/** An MD5 digest, in hexadecimal digits. */
const SHORTEST = 32;
const PLAIN_HEX = /^[0-9a-f]+$/i;

/**
 * Reads a line.
 * @param heading what the lines above say of the algorithm; undefined where they say nothing.
 * @returns undefined for lines that hold no checksum, such as comments. Pure.
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
  if (tag !== undefined && !said && (isForeignTag(tag) || reading.tag !== undefined)) {
    // "SIZE (file) = 1234" is no checksum.
    return value.length < SHORTEST ? undefined : { reason: `${tag} is not supported` };
  }
  const hex = value.toLowerCase();
  const shown = names.filter((name) => name !== "-");
  const isRight = said !== undefined && ALGORITHMS[said] === hex.length;
  if (isRight) return { entry: { hex, algorithms: [said], isSaid: true, names: shown } };
  if (said !== undefined && reading.tag !== undefined) {
    return {
      reason: `it has ${hex.length} hexadecimal digits, but ${tag} has ${ALGORITHMS[said]}`,
    };
  }
  const algorithms = algorithmsOfLength(hex.length);
  if (algorithms.length === 0) {
    return { reason: `no algorithm has ${hex.length} hexadecimal digits` };
  }
  return { entry: { hex, algorithms, isSaid: false, names: shown } };
}
