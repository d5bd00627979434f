/** Composes a template from its file and its parents. */
import { dirname } from "node:path";
import type { JsonPath, Problem } from "./document.js";
import { EXTENDS, readChain } from "./extends.js";
import { mergeTemplates } from "./merge.js";
import { placeAt, placed, plainOf } from "./placed.js";
import type { MergeProblem, PlacedObject, PlacedValue, TemplateFile } from "./placed.js";

/** Template as its files give it, before overrides and variables. */
export interface Composition {
  /** Merged value, without `extends`. */
  readonly value: unknown;
  /** Files: the template's own first, then its parent, and so on. */
  readonly files: readonly [TemplateFile, ...TemplateFile[]];
  /** Folder to which the paths of the template are relative; absolute. */
  readonly folder: string;
  /** Problems of the merge as lines with their places. */
  readonly problems: readonly string[];
  /** Formats a problem of the merged value with its place in the file in which the value stands. */
  format(problem: Problem): string;
  /** Returns the place in a file of the value at a path. */
  originOf(path: JsonPath): {
    readonly file: string;
    readonly line: number;
    readonly column: number;
  };
  /** Returns the folder of the file in which the value at a path stands; absolute. */
  folderOf(path: JsonPath): string;
}

/** Removes the keys that concern only the file in which they stand. */
function withoutOwnKeys(value: PlacedObject, isParent: boolean): PlacedObject {
  const entries = new Map(value.entries);
  entries.delete(EXTENDS);
  if (isParent) entries.delete("$schema");
  return { ...value, entries };
}

function mergeChain(files: Composition["files"]): {
  value: PlacedValue;
  problems: readonly MergeProblem[];
} {
  let merged: PlacedObject | undefined;
  const problems: MergeProblem[] = [];
  for (const file of files.toReversed()) {
    const value = placed(file.document.value, { file, path: [] });
    // The schema reports a file that is not an object.
    if (value.kind !== "object") return { value, problems };
    const own = withoutOwnKeys(value, file !== files[0]);
    const result = mergeTemplates(merged, own);
    merged = result.value;
    problems.push(...result.problems);
  }
  return { value: merged ?? placed(undefined, { file: files[0], path: [] }), problems };
}

/**
 * Reads a template and its parents, and merges them.
 * @param path absolute.
 * @param appliances value of `--appliances DIR`: the folder in which names are searched.
 * @throws {VmbuildError} see {@link readChain}.
 */
export async function composeTemplate(path: string, appliances?: string): Promise<Composition> {
  const [own, ...parents] = await readChain(path, appliances);
  if (!own) throw new Error("a template has a file");
  return composeFiles([own, ...parents], dirname(own.path));
}

/**
 * Merges the files of a template.
 * @param folder folder to which the paths of the template itself are relative; absolute.
 */
export function composeFiles(files: Composition["files"], folder: string): Composition {
  const [own] = files;
  const { value, problems } = mergeChain(files);
  return {
    value: plainOf(value),
    files,
    folder,
    problems: problems.map(({ place, message }) =>
      place.file.document.format({ path: place.path, message }),
    ),
    format(problem) {
      // A problem that does not come from a file keeps the path of the merged value.
      if (problem.source !== undefined) return own.document.format(problem);
      const place = placeAt(value, problem.path);
      return place.file.document.format({ ...problem, path: place.path });
    },
    originOf(at) {
      const { file, path: inFile } = placeAt(value, at);
      return { file: file.path, ...file.document.positionOf({ path: inFile, message: "" }) };
    },
    folderOf: (at) => dirname(placeAt(value, at).file.path),
  };
}
