/** Explains why a checkpoint is no longer valid. */
import { diffLines } from "diff";
import { readIfThere } from "../host/files.js";
import { differencesOf } from "./manifest.js";
import type { Difference, Manifest } from "./manifest.js";

/** Returns the path of the stored text with a digest. */
export type TextPath = (sha256: string) => string;

const FILE = /^(?<mode>[0-7]{4}) sha256:(?<hex>[0-9a-f]{64})$/;
/** Length up to which values are shown. */
const MAX_SHOWN_LENGTH = 40;
/** Number of differences that are named; the rest is counted. */
const MAX_NAMED = 3;

/**
 * Returns the number of added or removed lines, whichever is larger; undefined where a text is not
 * stored.
 */
async function countLines(
  before: string,
  now: string,
  textPath: TextPath,
): Promise<number | undefined> {
  const [old, current] = await Promise.all([
    // Binary and large files are not stored, so their lines are not counted.
    readIfThere(textPath(before)),
    readIfThere(textPath(now)),
  ]);
  if (old === undefined || current === undefined) return undefined;
  const count = { added: 0, removed: 0 };
  for (const part of diffLines(old, current)) {
    if (part.added) count.added += part.count;
    if (part.removed) count.removed += part.count;
  }
  return Math.max(count.added, count.removed);
}

async function describeDifference(
  { name, before, now }: Difference,
  textPath: TextPath,
): Promise<string> {
  if (before === undefined) return `${name} is new`;
  if (now === undefined) return `${name} was removed`;
  const [old, current] = [FILE.exec(before)?.groups, FILE.exec(now)?.groups];
  if (old?.["hex"] && current?.["hex"]) {
    if (old["hex"] === current["hex"]) {
      return `${name} changed (mode ${old["mode"]} to ${current["mode"]})`;
    }
    const lines = await countLines(old["hex"], current["hex"], textPath);
    if (lines === undefined) return `${name} changed`;
    return `${name} changed (${lines} ${lines === 1 ? "line" : "lines"})`;
  }
  const short =
    before.length <= MAX_SHOWN_LENGTH &&
    now.length <= MAX_SHOWN_LENGTH &&
    !/sha256:|<secret/.test(now);
  if (short) return `${name} changed (${before} to ${now})`;
  if (now.includes("<secret") && maskTokens(before) === maskTokens(now)) {
    return `a secret in ${name} changed`;
  }
  return `${name} changed`;
}

const maskTokens = (text: string): string => text.replaceAll(/<secret [0-9a-f]+>/g, "<secret>");

/** Describes the differences between two manifests in a phrase; empty when there are none. */
export async function explainDifferences(
  before: Manifest,
  now: Manifest,
  textPath: TextPath,
): Promise<string> {
  const differences = differencesOf(before, now);
  const named = differences.slice(0, MAX_NAMED);
  const phrases = await Promise.all(
    named.map((difference) => describeDifference(difference, textPath)),
  );
  const more = differences.length - named.length;
  return [...phrases, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
