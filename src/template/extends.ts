/** Reads a template's file and those of its parents, which `extends` names. */
import { realpath } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { isTemplatePath } from "../fields.js";
import { currentFolder, relativeToCurrent } from "../host/current-folder.js";
import { JsonDocument, valueAt } from "./document.js";
import { findTemplateFrom } from "./find.js";
import type { TemplateFile } from "./placed.js";
import { readTextFile } from "./variable-sources.js";

/** Key that names the parent. */
export const EXTENDS = "extends";

/** Returns the error that lists the problems of a template. */
export function invalidTemplate(
  document: Pick<JsonDocument, "file">,
  code: "TEMPLATE_INVALID" | "VARIABLE_INVALID",
  lines: readonly string[],
): VmbuildError {
  const count = lines.length === 1 ? "a problem" : `${lines.length} problems`;
  return new VmbuildError(code, `${document.file} has ${count}`, { lines });
}

const shownPath = (path: string): string => {
  const near = relativeToCurrent(path);
  return near.startsWith("..") ? path : near;
};

async function readFile(path: string): Promise<TemplateFile> {
  const { text, digest } = await readTextFile(path, "The template", "TEMPLATE_INVALID");
  const document = new JsonDocument(shownPath(path), text);
  const lines = document.syntaxProblems.map((problem) => document.format(problem));
  if (lines.length > 0) throw invalidTemplate(document, "TEMPLATE_INVALID", lines);
  return { path, digest, document };
}

/** Returns the error for the `extends` of a file. */
function extendsError({ document }: TemplateFile, message: string): VmbuildError {
  const line = document.format({ path: [EXTENDS], message });
  return invalidTemplate(document, "TEMPLATE_INVALID", [line]);
}

/** Returns the absolute path of a file's parent; undefined where it has none. */
async function parentOf(
  file: TemplateFile,
  appliances: string | undefined,
): Promise<string | undefined> {
  const reference = valueAt(file.document.value, [EXTENDS]);
  if (reference === undefined) return undefined;
  if (typeof reference !== "string" || reference === "") {
    throw extendsError(file, "expected the path or the name of a template");
  }
  if (reference.includes("${")) {
    throw extendsError(file, "cannot contain references: parents are read before variables");
  }
  const folder = dirname(file.path);
  const places = { folder, currentFolder: currentFolder() ?? folder, appliances };
  return findTemplateFrom(reference, places).catch((thrown: unknown) => {
    const { code, message, hint } = asVmbuildError(thrown);
    if (code !== "TEMPLATE_NOT_FOUND") throw thrown;
    if (isTemplatePath(reference)) {
      throw extendsError(file, `${shownPath(resolve(folder, reference))} does not exist`);
    }
    throw extendsError(file, `${message}. ${hint ?? ""}`);
  });
}

/**
 * Reads a template's file and those of its parents.
 * @param appliances value of `--appliances DIR`: the folder in which names are searched.
 * @returns the file itself first, then its parent, and so on.
 * @throws {VmbuildError} TEMPLATE_INVALID for a file that is not JSON, a parent that does not exist,
 *   or a cycle, with all of its files; TEMPLATE_NOT_FOUND when a file cannot be read.
 */
export async function readChain(path: string, appliances?: string): Promise<TemplateFile[]> {
  const files: TemplateFile[] = [];
  const seen = new Map<string, number>();
  for (let next: string | undefined = path; next !== undefined;) {
    const file = await readFile(next);
    const real = await realpath(next);
    const first = seen.get(real);
    const child = files.at(-1);
    if (first !== undefined && child) {
      const names = [...files.slice(first), file].map(({ document }) => document.file);
      throw extendsError(
        child,
        `the templates extend each other in a cycle: ${names.join(" -> ")}`,
      );
    }
    seen.set(real, files.length);
    files.push(file);
    next = await parentOf(file, appliances);
  }
  return files;
}
