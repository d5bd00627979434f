/** Makes the bundle of a build: all that another host needs of this one, by content. */
import { isUtf8 } from "node:buffer";
import { dirname, resolve } from "node:path";
import { digestOf } from "../checkpoints/content.js";
import { VmbuildError } from "../errors.js";
import { displayName } from "../host/file-names.js";
import { statIfThere } from "../host/files.js";
import { listTree } from "../host/tree.js";
import { hostFilesOf } from "../requirements/host-files.js";
import type { HostFile } from "../requirements/host-files.js";
import { isInside } from "../steps/project-files.js";
import type { Template } from "../template/load.js";
import type { BundleEntry } from "./messages.js";

/** Bundle of a build. */
export interface Bundle {
  /** Sorted by path, so that the same files give the same bundle. */
  readonly entries: readonly BundleEntry[];
  /** Paths of the template that are absolute and name files of the other host. */
  readonly elsewhere: readonly string[];
}

function textOf(name: Buffer): string {
  if (isUtf8(name)) return name.toString("utf8");
  throw new VmbuildError("REMOTE_BUNDLE", `${displayName(name)} has a name that is not UTF-8`, {
    hint: "Rename the file.",
  });
}

async function fileEntry(
  path: string,
  { mode, size }: { mode: number; size: number },
  signal: AbortSignal,
): Promise<BundleEntry> {
  const sha256 = await digestOf(path, { signal });
  return { type: "file", path, mode: mode & 0o777, size, sha256 };
}

/** Returns the entries of a file, or of a folder with all that is in it. */
async function entriesOf({ path, skips }: HostFile, signal: AbortSignal): Promise<BundleEntry[]> {
  const status = await statIfThere(path);
  // A step may create it, or a check of the run there reports it.
  if (!status) return [];
  if (!status.isDirectory()) {
    if (!status.isFile()) {
      throw new VmbuildError("REMOTE_BUNDLE", `${path} is neither a file nor a folder`);
    }
    const facts = { mode: Number(status.mode), size: Number(status.size) };
    return [await fileEntry(path, facts, signal)];
  }
  const entries: BundleEntry[] = [{ type: "directory", path, mode: Number(status.mode) & 0o777 }];
  for (const entry of await listTree(path, skips)) {
    signal.throwIfAborted();
    const at = textOf(entry.path);
    const mode = entry.mode & 0o777;
    if (entry.type === "file") entries.push(await fileEntry(at, entry, signal));
    else if (entry.type === "directory") entries.push({ type: "directory", path: at, mode });
    else {
      entries.push({ type: "symlink", path: at, link: textOf(entry.linkname ?? Buffer.alloc(0)) });
    }
  }
  return entries;
}

/** Collects the absolute paths in a value of a template. */
function absoluteTexts(value: unknown): string[] {
  if (typeof value === "string") return value.startsWith("/") ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(absoluteTexts);
}

/**
 * Makes the bundle of templates, each with all that it names.
 * @param given paths of the command line, which are always part of it. Absolute.
 * @throws {VmbuildError} REMOTE_BUNDLE for an entry that cannot be sent.
 */
export async function makeBundle(
  templates: readonly Template[],
  given: readonly string[],
  signal: AbortSignal,
): Promise<Bundle> {
  const entries = new Map<string, BundleEntry>();
  const elsewhere = new Set<string>();
  const add = async (file: HostFile): Promise<void> => {
    for (const entry of await entriesOf(file, signal)) entries.set(entry.path, entry);
  };
  for (const path of given) await add({ path });
  for (const template of templates) {
    const texts = new Set(
      [template.source, [...template.values.values()]]
        .flatMap(absoluteTexts)
        .map((text) => resolve(text)),
    );
    const named = await hostFilesOf(template);
    for (const file of named) {
      if (given.some((path) => isInside(file.path, path))) continue;
      if (texts.has(file.path)) elsewhere.add(file.path);
      else await add(file);
    }
    const mode = 0o755;
    for (const { path } of template.files) {
      const folder = dirname(path);
      if (!entries.has(folder)) entries.set(folder, { type: "directory", path: folder, mode });
    }
  }
  const sorted = [...entries.values()].toSorted((one, other) =>
    one.path < other.path ? -1 : one.path > other.path ? 1 : 0,
  );
  return { entries: sorted, elsewhere: [...elsewhere].toSorted() };
}
