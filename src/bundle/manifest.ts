/** Reads and writes `manifest.yaml` of a release: its files with their sums. */
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { VmbuildError, messageOf } from "../errors.js";

/** Name in a release bundle. */
export const RELEASE_MANIFEST = "manifest.yaml";

const entrySchema = z.looseObject({
  kind: z.string().min(1),
  name: z.string().min(1),
  path: z.string().min(1),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, "must be 64 hexadecimal digits")
    .transform((text) => text.toLowerCase()),
});

const listSchema = z.array(entrySchema).min(1);
const objectSchema = z.looseObject({ artifacts: listSchema });

/** Reads the entries of a list, or of an object with the list `artifacts`. */
function readEntries(content: unknown): z.ZodSafeParseResult<ReleaseEntry[]> {
  if (Array.isArray(content)) return listSchema.safeParse(content);
  return objectSchema.transform(({ artifacts }) => artifacts).safeParse(content);
}

/** File of a release: `kind` is `image` or `patches`, or another word of the release's own. */
export interface ReleaseEntry {
  readonly kind: string;
  readonly name: string;
  /** Path on the server. */
  readonly path: string;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** Formats entries as items of a list in YAML. */
export function formatEntries(entries: readonly ReleaseEntry[]): string {
  const plain = entries.map(({ kind, name, path, sha256 }) => ({ kind, name, path, sha256 }));
  return entries.length === 0 ? "" : stringify(plain, { lineWidth: 0 });
}

/** Returns the name of an entry's file in a bundle. */
export function memberName({ path }: Pick<ReleaseEntry, "path">): string {
  return posix.basename(path);
}

/**
 * Parses the text of a manifest: a list of entries, or an object with the list `artifacts`. Other
 * keys are ignored.
 * @param from what the text is from, for messages.
 * @throws {VmbuildError} BUNDLE_INVALID with each problem, also where two files have the same name.
 */
export function parseReleaseManifest(text: string, from: string): ReleaseEntry[] {
  const fail = (lines: string[], cause?: unknown): VmbuildError =>
    new VmbuildError("BUNDLE_INVALID", `${from} is not a list of the files of a release`, {
      lines,
      cause,
      hint: "Each entry has kind, name, path and sha256, as `vmbuild publish --entries` prints them.",
    });
  let content: unknown;
  try {
    // All values are texts, also a sum of nothing but digits.
    content = parse(text, { schema: "failsafe" });
  } catch (error) {
    throw fail([messageOf(error)], error);
  }
  const result = readEntries(content);
  if (!result.success) {
    throw fail(z.prettifyError(result.error).split("\n"));
  }
  const names = result.data.map(memberName);
  const odd = names.filter(
    (name, index) =>
      names.indexOf(name) !== index || ["", ".", "..", RELEASE_MANIFEST].includes(name),
  );
  if (odd.length > 0) throw fail(odd.map((name) => `${name} cannot be the name of another file`));
  return result.data;
}

/**
 * Reads a manifest.
 * @throws {VmbuildError} BUNDLE_INVALID.
 */
export async function readReleaseManifest(path: string): Promise<ReleaseEntry[]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new VmbuildError("BUNDLE_INVALID", `${path} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  });
  return parseReleaseManifest(text, path);
}
