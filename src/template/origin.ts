/** Tells where the values of a template came from: a file, or an option that replaced them. */
import type { Composition } from "./compose.js";
import type { JsonPath, Problem } from "./document.js";
import { moveHostPaths } from "./host-paths.js";
import { overrideAt } from "./overrides.js";
import type { Override } from "./overrides.js";

/** Source of a value: an option, or a line of a file. */
export type Origin =
  | { readonly option: string }
  /** Line and column are counted from 1. */
  | { readonly file: string; readonly line: number; readonly column: number };

/**
 * Returns a function that formats problems and names the option that a value came from, if it is
 * not from the file.
 */
export function problemFormatter(composition: Composition, overrides: readonly Override[]) {
  return (problem: Problem): string => {
    const source = problem.source ?? overrideAt(overrides, problem.path)?.source;
    return composition.format(source === undefined ? problem : { ...problem, source });
  };
}

/** Returns a function that tells where a value came from. */
export function originFinder(composition: Composition, overrides: readonly Override[]) {
  return (path: JsonPath): Origin => {
    const override = overrideAt(overrides, path);
    return override ? { option: override.source } : composition.originOf(path);
  };
}

/**
 * Returns a function that makes the paths of parents relative to the template; undefined where it
 * has none.
 */
export function anchorOf(composition: Composition, overrides: readonly Override[]) {
  if (composition.files.length === 1) return undefined;
  const { folder } = composition;
  const folderOf = (path: JsonPath): string =>
    overrideAt(overrides, path) ? folder : composition.folderOf(path);
  return <T>(value: T): T => moveHostPaths(value, { folder, folderOf });
}
