/**
 * Describes files of the host as a manifest. Content, modes and links count; time stamps do not.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isUtf8 } from "node:buffer";
import { displayName } from "../host/file-names.js";
import { listTree } from "../host/tree.js";
import type { TreeEntry } from "../host/tree.js";
import { statIfThere } from "../host/files.js";
import { cachedDigest } from "../inputs/digest-cache.js";
import type { Manifest } from "./manifest.js";

/** File size from which digests are cached by size and times. Smaller files are read quickly. */
const CACHE_DIGEST_FROM = 4 * 2 ** 20;
/** Size up to which texts are stored, so that a later run can count the lines that changed. */
const MAX_TEXT_BYTES = 256 * 1024;
/**
 * Number of entries up to which a tree is listed in a manifest. Larger trees get a single digest.
 */
const MAX_LISTED_ENTRIES = 200;

/** Stores the content of a small text under its digest. */
export type StoreText = (sha256: string, content: Buffer) => Promise<void>;

/** Inputs of {@link describeContent} besides the path. */
export interface ContentContext {
  readonly signal: AbortSignal;
  readonly storeText?: StoreText | undefined;
  /** Returns whether an entry of a tree, with all that is below it, does not count. */
  readonly skips?: (path: string) => boolean;
  /** Number of entries up to which a tree is listed; 200 unless given. */
  readonly maxListed?: number;
}

const hex = (content: Buffer | string): string =>
  createHash("sha256").update(content).digest("hex");

const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, "0");

/** Returns the digest of a file in hex. */
export async function digestOf(path: string | Buffer, context: ContentContext): Promise<string> {
  const status = await stat(path, { bigint: true });
  if (status.size >= CACHE_DIGEST_FROM) return cachedDigest(path, status, context.signal);
  const content = await readFile(path);
  const sha256 = hex(content);
  const isText = content.length <= MAX_TEXT_BYTES && isUtf8(content) && !content.includes(0);
  if (isText) await context.storeText?.(sha256, content);
  return sha256;
}

/**
 * Returns a name that is different for different bytes: the bytes of a name that is not UTF-8 are
 * appended in hex.
 */
function uniqueName(name: Buffer): string {
  return isUtf8(name) ? name.toString("utf8") : `${displayName(name)} (${name.toString("hex")})`;
}

async function describeEntry(entry: TreeEntry, context: ContentContext): Promise<string> {
  if (entry.type === "symlink") return `link to ${uniqueName(entry.linkname ?? Buffer.alloc(0))}`;
  if (entry.type === "directory") return `${octal(entry.mode)} folder`;
  return `${octal(entry.mode)} sha256:${await digestOf(entry.path, context)}`;
}

/**
 * Describes the content of `path` under the name `label`: one entry for a file, one for each entry
 * of a tree. A missing path is described as such, because a local action may create it later.
 */
export async function describeContent(
  path: string,
  label: string,
  context: ContentContext,
): Promise<Manifest> {
  const status = await statIfThere(path);
  if (!status) return { [label]: "not there" };
  if (!status.isDirectory()) {
    const mode = octal(Number(status.mode));
    return { [label]: `${mode} sha256:${await digestOf(path, context)}` };
  }
  const manifest: Record<string, string> = {};
  for (const entry of await listTree(path, context.skips)) {
    context.signal.throwIfAborted();
    manifest[join(label, uniqueName(entry.bytes))] = await describeEntry(entry, context);
  }
  const count = Object.keys(manifest).length;
  if (count <= (context.maxListed ?? MAX_LISTED_ENTRIES))
    return { [`${label}/`]: "folder", ...manifest };
  return { [`${label}/`]: `${count} entries, sha256:${hex(JSON.stringify(manifest))}` };
}
