/** Finds and reads the files of a template. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { VmbuildError, messageOf } from "../../errors.js";
import { SourceFile } from "../hcl/source.js";
import type { Problems } from "../problems.js";

/** Files of a template by their syntax, as absolute paths. */
export interface TemplateFiles {
  readonly syntax: "hcl" | "json";
  readonly folder: string;
  readonly hcl: readonly string[];
  readonly json: readonly string[];
  /** Files of variables that are read without being named: `*.auto.pkrvars.hcl` and `.json`. */
  readonly autoVariables: readonly string[];
}

/**
 * Finds the files of a template: one file, or all .pkr.hcl and .pkr.json files of a folder. Files of
 * variables are found in a folder only, as Packer does. Throws TEMPLATE_NOT_FOUND.
 */
export function findTemplateFiles(path: string, cwd: string): TemplateFiles {
  const absolute = resolve(cwd, path);
  const status = statSync(absolute, { throwIfNoEntry: false });
  if (!status) {
    throw new VmbuildError("TEMPLATE_NOT_FOUND", `There is no Packer template ${path}.`, {
      hint: "Give the path of a .pkr.hcl or .json file, or of a folder with .pkr.hcl files.",
    });
  }
  if (status.isDirectory()) return findInFolder(absolute, path);
  const folder = dirname(absolute);
  const none = { folder, hcl: [], json: [], autoVariables: [] };
  if (absolute.endsWith(".pkr.json")) return { ...none, syntax: "hcl", json: [absolute] };
  if (absolute.endsWith(".hcl")) return { ...none, syntax: "hcl", hcl: [absolute] };
  return { ...none, syntax: "json", json: [absolute] };
}

function findInFolder(folder: string, shown: string): TemplateFiles {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
  const ending = (...endings: string[]): string[] =>
    endings
      .flatMap((end) => names.filter((name) => name.endsWith(end)))
      .map((name) => join(folder, name));
  const hcl = ending(".pkr.hcl");
  const json = ending(".pkr.json");
  if (hcl.length + json.length === 0) {
    throw new VmbuildError(
      "TEMPLATE_NOT_FOUND",
      `The folder ${shown} has no Packer template: no file whose name ends in .pkr.hcl or .pkr.json.`,
      { hint: "Give the path of the template itself if it has another name." },
    );
  }
  const autoVariables = ending(".auto.pkrvars.hcl", ".auto.pkrvars.json");
  return { syntax: "hcl", folder, hcl, json, autoVariables };
}

/** Path as the user knows it: relative to the current folder where that is shorter. */
function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short !== "" && !short.startsWith("..") && !isAbsolute(short) ? short : path;
}

/** Reads a file of UTF-8 text. A problem is added if that fails. */
export function readSource(path: string, cwd: string, problems: Problems): SourceFile | undefined {
  const shown = shownPath(path, cwd);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    problems.add(`The file ${shown} cannot be read: ${messageOf(error)}.`, undefined);
    return undefined;
  }
  const file = new SourceFile(shown, bytes.toString("utf8"));
  const wrong =
    Buffer.compare(Buffer.from(file.text, "utf8"), bytes) === 0 ? -1 : file.text.indexOf("\uFFFD");
  if (wrong !== -1) {
    problems.add("The file is not UTF-8 text.", { file, start: wrong, end: wrong + 1 });
    return undefined;
  }
  return file;
}
