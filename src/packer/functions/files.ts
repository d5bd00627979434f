/** Functions of files and paths. */
import { readdirSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import picomatch from "picomatch";
import { messageOf, systemCode } from "../../errors.js";
import { setOf } from "../eval/values.js";
import type { Value } from "../model.js";
import { decodeUtf8 } from "./encodings.js";
import { FunctionError, text, textOf } from "./function.js";
import type { FunctionHost, FunctionTable, FunctionType } from "./function.js";
import { baseName, cleanPath, dirName, expandHome, templatePath } from "./paths.js";

function read(path: string, host: FunctionHost): Buffer {
  try {
    return host.readFile(path);
  } catch (error) {
    const reason =
      systemCode(error) === "ENOENT" ? "it does not exist" : messageOf(error).split(",")[0];
    throw new FunctionError(`the file ${path} cannot be read: ${reason}`);
  }
}

function readText(path: string, host: FunctionHost): string {
  try {
    return decodeUtf8(read(path, host));
  } catch (error) {
    if (!(error instanceof FunctionError) || !error.message.startsWith("the content")) throw error;
    throw new FunctionError(`${path} is not UTF-8 text; use filebase64(…)`);
  }
}

function exists(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) return false;
  if (status.isFile()) return true;
  throw new FunctionError(`${path} is not a regular file`);
}

/** Most files that `fileset` looks at. */
const MAX_FILES = 100_000;

/** Paths of the regular files below a folder, relative to it. Links are followed, loops are not. */
function filesBelow(folder: string): string[] {
  const found: string[] = [];
  const visit = (relative: string, depth: number): void => {
    if (depth > 40) return;
    for (const entry of readdirSync(join(folder, relative), { withFileTypes: true })) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      const status = entry.isSymbolicLink()
        ? statSync(join(folder, path), { throwIfNoEntry: false })
        : entry;
      if (status?.isDirectory()) visit(path, depth + 1);
      else if (status?.isFile()) found.push(path);
      if (found.length > MAX_FILES) throw new FunctionError(`more than ${MAX_FILES} files`);
    }
  };
  visit("", 0);
  return found;
}

/** Files of a folder that match a pattern with `*`, `?`, `**`, `[…]` and `{…}`. */
function fileSet(folder: string, pattern: string): Value {
  if (!statSync(folder, { throwIfNoEntry: false })) return setOf([]);
  const clean = pattern.replace(/^(?:\.\/)+/, "");
  const isMatch = picomatch(clean, { dot: true, nonegate: true, noextglob: true });
  return setOf(filesBelow(folder).filter((path) => isMatch(path)));
}

function pathFunction(call: (path: string, host: FunctionHost) => Value): FunctionType {
  return { parameters: [text("path")], call: ([path], host) => call(textOf(path), host) };
}

/** Functions of files by their names in Packer. `templatefile` is beside the evaluator. */
export const FILE_FUNCTIONS: FunctionTable = {
  abspath: pathFunction((path, { cwd }) => resolve(cwd, path)),
  basename: pathFunction(baseName),
  dirname: pathFunction(dirName),
  file: pathFunction((path, host) => readText(templatePath(host, path), host)),
  // Packer reads this one from the current folder.
  filebase64: pathFunction((path, host) => read(resolve(host.cwd, path), host).toString("base64")),
  fileexists: pathFunction((path, host) => exists(templatePath(host, path))),
  fileset: {
    parameters: [text("path"), text("pattern")],
    call: ([path, pattern], host) => fileSet(templatePath(host, textOf(path)), textOf(pattern)),
  },
  pathexpand: pathFunction((path, host) => {
    const expanded = expandHome(path, host);
    return isAbsolute(expanded) && expanded !== path ? cleanPath(expanded) : expanded;
  }),
};
