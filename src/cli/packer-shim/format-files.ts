/** Formats files of HCL for `packer fmt`. */
import { chmod, readFile, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { createTwoFilesPatch } from "diff";
import { VmbuildError, messageOf } from "../../errors.js";
import { statIfThere, writeFileAtomic } from "../../host/files.js";
import { formatHcl } from "../../packer/hcl/format/format.js";
import { parseFile } from "../../packer/hcl/parse.js";
import { SourceFile } from "../../packer/hcl/source.js";
import type { PackerProblem } from "../../packer/model.js";
import { Problems } from "../../packer/problems.js";

const ENDING = /\.(?:pkr|pkrvars)\.hcl$/;

/** Formatted text, or the problems because of which it cannot be formatted. */
export type Formatted = { readonly text: string } | { readonly problems: readonly PackerProblem[] };

/** Formats a text; a text with errors of syntax is not formatted. */
export function formatText(name: string, text: string): Formatted {
  const problems = new Problems();
  parseFile(new SourceFile(name, text), problems);
  return problems.count > 0 ? { problems: problems.problems() } : { text: formatHcl(text) };
}

/** Files that are hidden, or that editors leave behind. */
function isIgnored(name: string): boolean {
  return name.startsWith(".") || name.endsWith("~") || (name.startsWith("#") && name.endsWith("#"));
}

async function filesIn(folder: string, isRecursive: boolean): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files: string[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (isIgnored(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (isRecursive) files.push(...(await filesIn(path, true)));
    } else if (ENDING.test(entry.name)) {
      files.push(path);
    }
  }
  return files;
}

/**
 * Finds the files to format: a file, or those of a folder.
 * @throws {VmbuildError} TEMPLATE_NOT_FOUND for a file that is none of Packer's HCL files.
 */
export async function filesToFormat(path: string, isRecursive: boolean): Promise<string[]> {
  const status = await statIfThere(path);
  if (status?.isDirectory()) return filesIn(path, isRecursive);
  if (status && ENDING.test(path)) return [path];
  const reason = status ? "is not a file of HCL" : "does not exist";
  throw new VmbuildError("TEMPLATE_NOT_FOUND", `${path} ${reason}`, {
    hint: "Give a .pkr.hcl or .pkrvars.hcl file, or a folder of them.",
  });
}

/** Reads a file. */
export async function readHclFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new VmbuildError("TEMPLATE_NOT_FOUND", `${path}: ${messageOf(cause)}`, { cause });
  }
}

/** Replaces the content of a file. Links to the file, and its mode, stay. */
export async function writeHclFile(path: string, text: string): Promise<void> {
  const target = await realpath(path);
  const { mode } = await stat(target);
  await writeFileAtomic(target, text);
  await chmod(target, mode & 0o7777);
}

/** Returns the differences as `diff -u` prints them. */
export function differencesOf(path: string, before: string, after: string): string {
  const patch = createTwoFilesPatch(`old/${path}`, `new/${path}`, before, after, "", "");
  return patch
    .replace(/^=+\n/, "")
    .replace(/^(--- .*?|\+\+\+ .*?)\t?$/gm, "$1")
    .trimEnd();
}
