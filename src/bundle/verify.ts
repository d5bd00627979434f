/** Checks a release bundle, or a folder with the files of a release, against its manifest. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { metered } from "../artifact/archive.js";
import { VmbuildError, messageOf } from "../errors.js";
import type { Emit } from "../events/types.js";
import { listTree } from "../host/tree.js";
import { RELEASE_MANIFEST, memberName, parseReleaseManifest } from "./manifest.js";
import type { ReleaseEntry } from "./manifest.js";
import { readTar } from "./read-tar.js";

/** Largest manifest that is read. Bytes. */
const MAX_MANIFEST = 2 ** 20;

/** File with its place: a part of an archive, or a whole file. */
interface Content {
  readonly name: string;
  readonly path: string;
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Where a check reports to, and what ends it. */
export interface VerifyContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Lists the files of a folder; anything else is a problem of the release. */
async function contentOfFolder(path: string): Promise<Content[]> {
  const entries = await listTree(path);
  const odd = entries.filter(({ type }) => type === "symlink").map(({ name }) => name);
  if (odd.length > 0) {
    throw new VmbuildError("BUNDLE_INVALID", `${path} contains symbolic links`, { lines: odd });
  }
  const files = entries.filter(({ type }) => type === "file");
  const names = new Set(files.map(({ name }) => name));
  // `vmbuild publish` writes the sum of each file beside it.
  const isSum = (name: string): boolean =>
    name.endsWith(".sha256") && names.has(name.slice(0, -".sha256".length));
  return files
    .filter(({ name }) => !isSum(name))
    .map(({ name, size }) => ({ name, path: join(path, name), offset: 0, size }));
}

async function contentOf(path: string): Promise<Content[]> {
  const status = await stat(path).catch((cause: unknown) => {
    throw new VmbuildError("BUNDLE_INVALID", `${path} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  });
  if (status.isDirectory()) return contentOfFolder(path);
  return (await readTar(path)).map((member) => ({ ...member, path }));
}

const streamOf = ({ path, offset, size }: Content) =>
  createReadStream(path, { start: offset, end: offset + size - 1, highWaterMark: 2 ** 20 });

async function textOf(content: Content): Promise<string> {
  const parts: Buffer[] = [];
  if (content.size > 0) for await (const part of streamOf(content)) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}

async function sha256Of(content: Content, { emit, signal }: VerifyContext): Promise<string> {
  const hash = createHash("sha256");
  if (content.size === 0) return hash.digest("hex");
  const meter = { task: "verify", label: `Verifying ${content.name}`, total: content.size, emit };
  await pipeline(metered(streamOf(content), meter), hash, { signal });
  return hash.digest("hex");
}

/**
 * Requires that a bundle, or a folder, consists of the files of its manifest, unchanged, and of
 * nothing else.
 * @returns the entries of the manifest.
 * @throws {VmbuildError} BUNDLE_INVALID with each problem.
 */
export async function verifyBundle(path: string, context: VerifyContext): Promise<ReleaseEntry[]> {
  const content = await contentOf(path);
  const manifest = content.find(({ name }) => name === RELEASE_MANIFEST);
  if (!manifest || manifest.size > MAX_MANIFEST) {
    const problem = manifest ? "is too large" : "is missing";
    throw new VmbuildError("BUNDLE_INVALID", `${RELEASE_MANIFEST} in ${path} ${problem}`);
  }
  const entries = parseReleaseManifest(await textOf(manifest), `${RELEASE_MANIFEST} in ${path}`);
  const problems: string[] = [];
  const used = new Set([RELEASE_MANIFEST]);
  for (const entry of entries) {
    const candidates = [entry.path, memberName(entry)];
    const found = content.find(({ name }) => candidates.includes(name));
    if (!found) {
      problems.push(`${memberName(entry)} is missing`);
      continue;
    }
    used.add(found.name);
    const sha256 = await sha256Of(found, context);
    context.signal.throwIfAborted();
    if (sha256 === entry.sha256) continue;
    problems.push(`${found.name} was altered: its sha256 is ${sha256}, not ${entry.sha256}`);
  }
  const extra = content.filter(({ name }) => !used.has(name));
  problems.push(...extra.map(({ name }) => `${name} is not in ${RELEASE_MANIFEST}`));
  if (problems.length === 0) return entries;
  throw new VmbuildError("BUNDLE_INVALID", `${path} is not as its manifest describes it`, {
    lines: problems,
  });
}
