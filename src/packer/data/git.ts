/** Runs git for the data sources of the plugin github.com/ethanmdavidson/git. */
import { resolve } from "node:path";
import { messageOf } from "../../errors.js";
import { WITHOUT_CALLING_GIT } from "../../host/git-environment.js";
import { runProgram } from "../../host/programs.js";
import { DataSourceError, TEXT, textOf } from "./data-source.js";
import type { DataArgument, DataArguments, DataHost } from "./data-source.js";

/** Argument `path`: a folder in the repository, the current folder by default. */
export const PATH_ARGUMENT: Readonly<Record<string, DataArgument>> = { path: { type: TEXT } };

/** Arguments of the data sources that read a commit, `HEAD` by default. */
export const COMMIT_ARGUMENTS: Readonly<Record<string, DataArgument>> = {
  ...PATH_ARGUMENT,
  commit_ish: { type: TEXT },
};

/** Repository that a data source reads. */
export interface Repository {
  /** Runs git and returns its standard output. Throws a DataSourceError if git fails. */
  readonly git: (...args: readonly string[]) => Promise<string>;
  /** Runs git and returns its standard output; undefined if it ends with exit code 1. */
  readonly ask: (...args: readonly string[]) => Promise<string | undefined>;
}

/** Returns the repository in which the folder of the arguments lies. */
export function repositoryOf(given: DataArguments, host: DataHost): Repository {
  const folder = resolve(host.cwd, textOf(given, "path") || ".");
  const run = async (args: readonly string[]) => {
    const result = await runProgram("git", args, {
      cwd: folder,
      env: {
        ...host.environment,
        ...WITHOUT_CALLING_GIT,
        LC_ALL: "C",
        GIT_OPTIONAL_LOCKS: "0",
        GIT_TERMINAL_PROMPT: "0",
      },
      captureOutput: true,
    }).catch((error: unknown) => {
      throw new DataSourceError(`could not run git: ${messageOf(error)}.`);
    });
    const last = result.lastLines.findLast((line) => line.trim() !== "") ?? "git failed";
    const fail = (): never => {
      throw new DataSourceError(`failed in ${folder}: ${last.replace(/^(?:fatal|error): /, "")}.`);
    };
    return { ...result, fail };
  };
  return {
    git: async (...args) => {
      const { exitCode, stdout, fail } = await run(args);
      return exitCode === 0 ? stdout : fail();
    },
    ask: async (...args) => {
      const { exitCode, stdout, fail } = await run(args);
      if (exitCode === 1) return undefined;
      return exitCode === 0 ? stdout : fail();
    },
  };
}

/** Returns the id of the commit that the arguments name. Throws a DataSourceError if there is none. */
export async function commitOf(given: DataArguments, { git }: Repository): Promise<string> {
  const name = textOf(given, "commit_ish") || "HEAD";
  const output = await git("rev-parse", "--verify", "--end-of-options", `${name}^{commit}`);
  return output.trim();
}

/** Returns the names of references below a folder, such as `refs/heads`. */
export async function referenceNames(
  { git }: Repository,
  folder: string,
  options: readonly string[] = [],
): Promise<string[]> {
  const format = "--format=%(refname:lstrip=2)";
  const output = await git("for-each-ref", format, ...options, folder);
  return output.split("\n").filter((line) => line !== "");
}
