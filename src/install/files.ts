/** Reads the files that an installer gets, and describes them for the key of the cached base. */
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isUtf8 } from "node:buffer";
import { relativeToCurrent } from "../host/current-folder.js";
import { VmbuildError, messageOf } from "../errors.js";
import { fillTemplateReferences, fillValues, mentions } from "./references.js";
import type { InstallValues, TemplateReferences } from "./references.js";
import type { InstallFiles } from "./schema.js";

/**
 * Files by name, with the template's references filled in. Those of the installer are still there,
 * so the content is the same in each run.
 */
export type LoadedFiles = ReadonlyMap<string, Buffer>;

/** Source of the files' content besides their definition. */
export interface FileContext {
  /** Folder to which paths are relative; absolute. */
  readonly templateFolder: string;
  readonly references: TemplateReferences;
}

/** Returns the absolute paths of the files that a definition refers to, by name. */
export function filePaths(files: InstallFiles, templateFolder: string): Map<string, string> {
  const named = Object.entries(files).flatMap(([name, file]) =>
    typeof file === "string" ? [[name, resolve(templateFolder, file)] as const] : [],
  );
  return new Map(named);
}

async function readContent(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new VmbuildError("TEMPLATE_INVALID", `${path} cannot be read: ${messageOf(cause)}`, {
      cause,
      hint: "Paths in base.install are relative to the template.",
    });
  }
}

/**
 * Loads the files of a definition.
 * @throws {VmbuildError} TEMPLATE_INVALID for a file that cannot be read, or that refers to a
 *   variable that is not declared.
 */
export async function loadFiles(files: InstallFiles, context: FileContext): Promise<LoadedFiles> {
  const loaded = new Map<string, Buffer>();
  for (const [name, file] of Object.entries(files)) {
    const path = typeof file === "string" ? resolve(context.templateFolder, file) : name;
    const content =
      typeof file === "string" ? await readContent(path) : Buffer.from(file.content, "utf8");
    const shown = typeof file === "string" ? relativeToCurrent(path) : name;
    loaded.set(name, fillTemplateReferences(content, shown, context.references));
  }
  return loaded;
}

/** Returns the digest of each file by name, in hex. */
export function digestFiles(files: LoadedFiles): Record<string, string> {
  return Object.fromEntries(
    [...files].map(([name, content]) => [name, createHash("sha256").update(content).digest("hex")]),
  );
}

/** Returns whether any of the files refers to a value of the installer. */
export function filesMention(files: LoadedFiles, reference: keyof InstallValues): boolean {
  return [...files.values()].some(
    (content) => isUtf8(content) && mentions(content.toString("utf8"), reference),
  );
}

/** Fills in the installer's own references in a file. Content that is not UTF-8 stays as it is. */
export function fillFile(content: Buffer, values: InstallValues): Buffer {
  return isUtf8(content) ? Buffer.from(fillValues(content.toString("utf8"), values)) : content;
}

/** Writes the files into a folder, with mode 0600, because they may contain passwords. */
export async function writeFiles(
  files: LoadedFiles,
  folder: string,
  values: InstallValues,
): Promise<void> {
  for (const [name, content] of files) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, fillFile(content, values), { mode: 0o600 });
  }
}
