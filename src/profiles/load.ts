/** Finds and reads profiles. */
import { readFile, readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { VmbuildError, messageOf } from "../errors.js";
import { isTemplatePath } from "../fields.js";
import { statIfThere } from "../host/files.js";
import { JsonDocument } from "../template/document.js";
import { problemsOf } from "../template/problems.js";
import type { Inputs } from "./inputs.js";
import { fillInputs } from "./inputs.js";
import { profileSchema } from "./schema.js";
import type { ProfileValues } from "./schema.js";

/** Profile with the inputs of a call filled in. */
export interface Profile extends ProfileValues {
  /** As the user named it. */
  readonly name: string;
  /** Folder of its file; absolute. */
  readonly folder: string;
  /** Names of the inputs to which it refers. */
  readonly usedInputs: ReadonlySet<string>;
}

/** Returns the folders `profiles` of a folder and its parents, nearest first. */
function foldersFrom(folder: string): string[] {
  const parent = dirname(folder);
  return [join(folder, "profiles"), ...(parent === folder ? [] : foldersFrom(parent))];
}

async function namesIn(folder: string): Promise<string[]> {
  if ((await statIfThere(folder))?.isDirectory() !== true) return [];
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
}

/**
 * Returns the absolute path of a profile: a path, or a name in a folder `profiles`.
 * @throws {VmbuildError} PROFILE_NOT_FOUND, which lists the available names.
 */
async function findProfile(text: string, currentFolder: string): Promise<string> {
  const isPath = isTemplatePath(text);
  const folders = isPath ? [] : foldersFrom(currentFolder);
  const places = isPath
    ? [resolve(currentFolder, text)]
    : folders.map((folder) => join(folder, `${text}.json`));
  for (const path of places) if ((await statIfThere(path))?.isFile() === true) return path;
  const names = (await Promise.all(folders.map(namesIn))).flat();
  throw new VmbuildError("PROFILE_NOT_FOUND", `Profile ${text} not found`, {
    hint:
      names.length > 0
        ? `Available profiles: ${[...new Set(names)].join(", ")}. Or use the path of a JSON file.`
        : "Create profiles/NAME.json in this folder, or use the path of a JSON file.",
  });
}

async function readProfile(path: string): Promise<JsonDocument> {
  try {
    return new JsonDocument(path, await readFile(path, "utf8"));
  } catch (cause) {
    const message = `Profile ${path} cannot be read: ${messageOf(cause)}`;
    throw new VmbuildError("PROFILE_NOT_FOUND", message, { cause });
  }
}

/**
 * Loads a profile, and replaces `${input.NAME}` in its strings.
 * @param text name or path.
 * @throws {VmbuildError} PROFILE_NOT_FOUND; PROFILE_INVALID with every problem as a line.
 */
export async function loadProfile(
  text: string,
  { inputs, currentFolder }: { readonly inputs: Inputs; readonly currentFolder: string },
): Promise<Profile> {
  const path = await findProfile(text, currentFolder);
  const document = await readProfile(path);
  const filled = fillInputs(document.value, inputs);
  const parsed = profileSchema.safeParse(filled.value, { reportInput: true });
  const own = document.syntaxProblems.length > 0 ? document.syntaxProblems : filled.problems;
  const schema = parsed.success || own.length > 0 ? [] : problemsOf(parsed.error.issues);
  const problems = [...own, ...schema];
  if (!parsed.success || problems.length > 0) {
    const lines = problems.map((problem) => document.format(problem));
    throw new VmbuildError("PROFILE_INVALID", `The profile ${path} is not valid`, { lines });
  }
  return { ...parsed.data, name: text, folder: dirname(path), usedInputs: filled.used };
}
