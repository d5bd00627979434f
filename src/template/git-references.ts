/**
 * Defines the references to the commit from which a template is built: `${git.branch}`,
 * `${git.commit}` and `${git.dirty}`.
 */
import { readWorkTree } from "../host/work-tree.js";
import type { NoWorkTree, WorkTree } from "../host/work-tree.js";

/** References with their values. */
const VALUES: Readonly<Record<string, (tree: WorkTree) => string>> = {
  // A branch's name may contain characters that a shell or a file name cannot.
  "git.branch": ({ branch }) => branch.replaceAll(/[^A-Za-z0-9._-]/g, "-"),
  "git.commit": ({ commit }) => commit.slice(0, 7),
  "git.dirty": ({ changes }) => (changes.length > 0 ? "-dirty" : ""),
};

/** Valid references. */
export const GIT_REFERENCES: readonly string[] = Object.keys(VALUES);

/** State of the work tree of a template; undefined where the template has no such reference. */
export type GitSource = WorkTree | NoWorkTree | undefined;

/** Returns the value of a reference; undefined where there is none. */
export function gitValue(reference: string, source: GitSource): string | undefined {
  return source === undefined || "problem" in source ? undefined : VALUES[reference]?.(source);
}

/** Returns the message for a reference without a value. */
export function gitMessage(reference: string, source: GitSource): string {
  if (!GIT_REFERENCES.includes(reference)) {
    const names = GIT_REFERENCES.map((name) => `\${${name}}`).join(", ");
    return `\${${reference}} is not a valid reference; those to git are ${names}`;
  }
  const problem = source !== undefined && "problem" in source ? `: ${source.problem}` : "";
  return `\${${reference}} has no value${problem}`;
}

/**
 * Reads the state of the work tree of a template, if the template refers to it.
 * @param values values that may contain references: the template, and overrides.
 * @param files files of the template below the folder.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING without git.
 */
export async function readGitSource(
  values: unknown,
  folder: string,
  files: readonly string[],
): Promise<GitSource> {
  if (!JSON.stringify(values)?.includes("${git.")) return undefined;
  return readWorkTree(folder, files);
}
