/** Reads and extends the git work tree in which a folder lies, with the user's own settings of git. */
import { WITHOUT_CALLING_GIT } from "./git-environment.js";
import { VmbuildError } from "../errors.js";
import { describeExit, runProgram } from "./programs.js";
import type { RunResult } from "./programs.js";

/** Uncommitted change. */
interface Change {
  /** Relative to the top of the work tree. */
  readonly path: string;
  /** The two letters of `git status`, or `??` for a file that git does not track. */
  readonly state: string;
}

/** State of a work tree. */
export interface WorkTree {
  /** Absolute path of its top folder. */
  readonly root: string;
  /** Checked out branch; `HEAD` where it is unknown, as `git rev-parse --abbrev-ref` prints it. */
  readonly branch: string;
  /** Id of the commit that is checked out, in hexadecimal. */
  readonly commit: string;
  /** Changes of tracked files anywhere, and files below the folder that git does not track. */
  readonly changes: readonly Change[];
}

/** Reason why the state of a work tree is unknown, as a phrase. */
export interface NoWorkTree {
  readonly problem: string;
}

const ENVIRONMENT = {
  ...WITHOUT_CALLING_GIT,
  LC_ALL: "C",
  GIT_TERMINAL_PROMPT: "0",
  // `git status` writes no index, so that it does not conflict with a git command of the user.
  GIT_OPTIONAL_LOCKS: "0",
};

/** Variables of CI services that contain the branch, and the commit for which they are set. */
const CI_BRANCHES: readonly (readonly [commit: string, ...branches: string[]])[] = [
  ["GITHUB_SHA", "GITHUB_HEAD_REF", "GITHUB_REF_NAME"],
  ["CI_COMMIT_SHA", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME"],
];

async function git(folder: string, args: readonly string[]): Promise<RunResult> {
  return runProgram("git", args, { cwd: folder, env: ENVIRONMENT, captureOutput: true });
}

/** Returns the message of a git command that failed. */
function messageOf(result: RunResult): string {
  const lines = result.lastLines.filter((line) => line.trim() !== "");
  const line = lines.find((one) => /^(fatal|error):/.test(one)) ?? lines.at(-1);
  return line?.replace(/^(fatal|error): /, "") ?? `it failed with ${describeExit(result)}`;
}

/** Parses the output of `git status --porcelain=v1 -z`. */
export function parseStatus(text: string): Change[] {
  const changes: Change[] = [];
  const entries = text.split("\0").values();
  for (const entry of entries) {
    if (entry === "") continue;
    const state = entry.slice(0, 2);
    changes.push({ state, path: entry.slice(3) });
    // The old path of a renamed or copied file follows in an entry of its own.
    if (/[RC]/.test(state)) entries.next();
  }
  return changes;
}

/**
 * Returns the branch of a commit that is checked out without one, as CI services do: the one that
 * their variables name for this commit.
 */
export function branchOfCi(
  commit: string,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  for (const [variable, ...branches] of CI_BRANCHES) {
    if (environment[variable] !== commit) continue;
    // A service sets the variables of other kinds of events to empty texts.
    const branch = branches.map((name) => environment[name] ?? "").find((text) => text !== "");
    if (branch !== undefined) return branch;
  }
  return undefined;
}

const split = (text: string): string[] => text.split("\0").filter((path) => path !== "");

/** Returns the files that no commit will contain: those that git does not track, or ignores. */
async function untracked(folder: string, files: readonly string[]): Promise<string[]> {
  const others = ["ls-files", "-z", "--others", "--exclude-standard", "--full-name"];
  const found = await git(folder, [...others, "--directory", "--no-empty-directory", "--", "."]);
  if (files.length === 0) return split(found.stdout);
  const ignored = await git(folder, [
    ...["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--full-name", "--"],
    ...files,
  ]);
  return [...new Set([...split(found.stdout), ...split(ignored.stdout)])];
}

/**
 * Reads the state of the work tree in which a folder lies.
 * @param files files below it that count as changed if git ignores them: those of the template.
 * @returns a phrase with the reason where the folder has no commit.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING without git.
 */
export async function readWorkTree(
  folder: string,
  files: readonly string[] = [],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<WorkTree | NoWorkTree> {
  const top = await git(folder, ["rev-parse", "--show-toplevel"]);
  if (top.exitCode !== 0) return { problem: `${folder}: ${messageOf(top)}` };
  const root = top.stdout.replace(/\n$/, "");
  const head = await git(folder, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
  if (head.exitCode !== 0) return { problem: `the git repository ${root} has no commit yet` };
  const commit = head.stdout.trim();
  const branch = await git(folder, ["symbolic-ref", "--quiet", "--short", "HEAD"]);
  const tracked = ["status", "--porcelain=v1", "-z", "--untracked-files=no"];
  const status = await git(folder, [...tracked, "--ignore-submodules=untracked"]);
  if (status.exitCode !== 0) return { problem: `${root}: ${messageOf(status)}` };
  const others = await untracked(folder, files);
  return {
    root,
    commit,
    branch: branch.stdout.trim() || (branchOfCi(commit, environment) ?? "HEAD"),
    changes: [...parseStatus(status.stdout), ...others.map((path) => ({ state: "??", path }))],
  };
}

/** Formats changes as `git status --short` does, at most `limit` of them. */
export function describeChanges({ changes }: Pick<WorkTree, "changes">, limit = 20): string[] {
  const lines = changes.slice(0, limit).map(({ state, path }) => `${state} ${path}`);
  const more = changes.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more`] : lines;
}

/**
 * Returns why a file cannot be committed, as a phrase: its folder is in no work tree, git ignores
 * it, or git does not know who commits.
 * @param path absolute; the file need not exist.
 */
export async function commitProblem(folder: string, path: string): Promise<string | undefined> {
  const tree = await readWorkTree(folder);
  if ("problem" in tree) return tree.problem;
  const ignored = await git(folder, ["check-ignore", "--quiet", "--", path]);
  if (ignored.exitCode === 0) return `git ignores ${path}`;
  if (ignored.exitCode !== 1) return messageOf(ignored);
  const identity = await git(folder, ["var", "GIT_COMMITTER_IDENT"]);
  return identity.exitCode === 0
    ? undefined
    : `git does not know who commits: ${messageOf(identity)}`;
}

/**
 * Commits one file; what else is changed or staged stays as it is.
 * @param path absolute.
 * @returns the id of the commit; undefined if the file had no change.
 * @throws {VmbuildError} AFTER_FAILED with git's output.
 */
export async function commitFile(
  folder: string,
  path: string,
  message: string,
): Promise<string | undefined> {
  const run = async (args: readonly string[]): Promise<RunResult> => {
    const result = await git(folder, args);
    if (result.exitCode === 0) return result;
    throw new VmbuildError("AFTER_FAILED", `${path} was not committed: ${messageOf(result)}`, {
      lines: result.lastLines,
      hint: "The image is complete. Commit the file by hand.",
    });
  };
  const status = await run(["status", "--porcelain=v1", "-z", "--", path]);
  if (status.stdout === "") return undefined;
  await run(["add", "--", path]);
  await run(["commit", "--quiet", "--only", "--message", message, "--", path]);
  return (await run(["rev-parse", "HEAD"])).stdout.trim();
}
