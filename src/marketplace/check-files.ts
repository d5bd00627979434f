/** Checks files with marketplace entries, and folders such as a checkout of a marketplace. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { VmbuildError, messageOf } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { checkEntry } from "./check.js";
import { readEntry } from "./entry.js";
import type { EntryDocument } from "./document.js";
import type { Finding } from "./findings.js";
import { COMMUNITY_FILES } from "./community.js";

/** Result of one file. Each line begins with file, line and column. */
export interface CheckedFile {
  readonly path: string;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Files of the repositories that are no entries: their tests, and a form to fill in. */
const OTHER_FILES: readonly string[] = [...COMMUNITY_FILES, "UUID.yaml"];

async function entriesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry): Promise<string[]> => {
      const path = join(folder, entry.name);
      // The server reads appliances/**/*.yaml; names with a dot in front are not part of that.
      if (entry.name.startsWith(".")) return [];
      if (entry.isDirectory()) return entriesBelow(path);
      return entry.name.endsWith(".yaml") && !OTHER_FILES.includes(entry.name) ? [path] : [];
    }),
  );
  return found.flat().toSorted();
}

async function pathsOf(path: string): Promise<string[]> {
  const hint = "Give the path of an entry, or of a folder that contains entries (*.yaml).";
  try {
    const status = await statIfThere(path);
    if (!status) throw new VmbuildError("MARKETPLACE_INVALID", `${path} does not exist`, { hint });
    if (!status.isDirectory()) return [path];
    const found = await entriesBelow(path);
    if (found.length > 0) return found;
    throw new VmbuildError("MARKETPLACE_INVALID", `${path} contains no entry`, { hint });
  } catch (cause) {
    if (cause instanceof VmbuildError) throw cause;
    const message = `${path} cannot be read: ${messageOf(cause)}`;
    throw new VmbuildError("MARKETPLACE_INVALID", message, { cause });
  }
}

/** Returns the identifier by which the server knows an entry. */
function identifierOf(document: EntryDocument): string {
  return document.textAt(["id"]) ?? basename(document.path, ".yaml");
}

/** Reports entries whose identifier an earlier file has; the server does not start with them. */
function duplicateOf(document: EntryDocument, seen: Map<string, string>): Finding[] {
  const id = identifierOf(document);
  const other = seen.get(id);
  seen.set(id, document.path);
  if (other === undefined) return [];
  return [{ level: "error", path: ["id"], message: `${id} is also the identifier of ${other}` }];
}

/**
 * Checks entries, each on its own and against each other.
 * @param paths files, and folders in which all entries are checked.
 * @throws {VmbuildError} MARKETPLACE_INVALID when a path does not exist or cannot be read.
 */
export async function checkFiles(paths: readonly string[]): Promise<CheckedFile[]> {
  const files = [...new Set((await Promise.all(paths.map(pathsOf))).flat())];
  const seen = new Map<string, string>();
  const checked: CheckedFile[] = [];
  for (const path of files) {
    const document = await readEntry(path);
    const findings = checkEntry(document);
    const all =
      document.syntax.length > 0 ? findings : [...findings, ...duplicateOf(document, seen)];
    const lines = (level: Finding["level"]): string[] =>
      all.filter((one) => one.level === level).map((one) => document.format(one));
    checked.push({ path, errors: lines("error"), warnings: lines("warning") });
  }
  return checked;
}
