/** Resolves an input that is a git tree: the files of one commit, without its history. */
import { lstat, readdir, rm } from "node:fs/promises";
import { VmbuildError } from "../errors.js";
import { childPath } from "../host/file-names.js";
import { statIfThere } from "../host/files.js";
import type { RunResult } from "../host/programs.js";
import { displayUrl } from "./address.js";
import { lockEntry, readTreeMeta } from "./cache.js";
import type { TreeMeta } from "./cache.js";
import type { FullContext } from "./context.js";
import { AddressFailure } from "./failure.js";
import { checkGitNames, gitError, isTransient, runGit } from "./git.js";
import type { GitOptions } from "./git.js";
import { gitNetwork } from "./git-network.js";
import { retrying } from "./retry.js";
import type { ResolvedInput } from "./spec.js";
import { fillTree, treeEntry } from "./tree-cache.js";
import type { TreeEntry } from "./tree-cache.js";

/** Source of the tree of one commit. */
export interface GitSpec {
  readonly kind: "git";
  readonly url: string;
  /** Tag, branch or commit id. */
  readonly ref: string;
  readonly submodules?: boolean;
}

const ATTEMPTS = 3;
/** Full commit id. */
export const FULL_COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/i;

/** Returns the paths of the tree, its metadata and its lock. Pure; all paths are absolute. */
export function gitEntry(spec: GitSpec, cacheFolder: string): TreeEntry {
  const key = `${spec.url}#${spec.ref}${spec.submodules ? "#submodules" : ""}`;
  return treeEntry(key, cacheFolder);
}

/** Tree that is being resolved. */
export interface GitJob {
  readonly name: string;
  readonly spec: GitSpec;
  readonly context: FullContext;
  readonly network: GitOptions["network"];
}

function optionsFor({ context, network }: GitJob, cwd?: string): GitOptions {
  return {
    signal: context.signal,
    allowFile: true,
    network,
    onLine: (line) => context.emit({ type: "output", source: "git", stream: "stderr", line }),
    ...(cwd === undefined ? {} : { cwd }),
  };
}

/** Runs git against the remote, and retries when the network fails. */
async function runRemote(
  { name, context }: GitJob,
  args: readonly string[],
  options: GitOptions,
): Promise<RunResult> {
  let last: RunResult | undefined;
  const attempt = async (): Promise<RunResult> => {
    last = await runGit(args, options);
    if (last.exitCode === 0 || !isTransient(last)) return last;
    throw new AddressFailure(last.lastLines.at(-1) ?? "git failed", { retryable: true });
  };
  try {
    return await retrying({ label: name, attempt, attempts: ATTEMPTS }, context);
  } catch (error) {
    // The caller reports git's own output.
    if (error instanceof AddressFailure && last) return last;
    throw error;
  }
}

/**
 * Returns the commit that the remote's ref points to, by git's own precedence (gitrevisions(7)).
 */
export async function remoteCommit(job: GitJob): Promise<string | undefined> {
  const { spec } = job;
  const { onLine: _, ...options } = optionsFor(job);
  const args = ["ls-remote", "--", spec.url, spec.ref, `${spec.ref}^{}`];
  const result = await runRemote(job, args, options);
  if (result.exitCode !== 0) throw gitError(`read ${displayUrl(spec.url)}`, result, spec.url);
  const refs = new Map(
    result.stdout.split("\n").map((line) => {
      const [commit = "", ref = ""] = line.split("\t");
      return [ref, commit];
    }),
  );
  const names = ["", "refs/", "refs/tags/", "refs/heads/"].map((prefix) => prefix + spec.ref);
  // An annotated tag is an object of its own; ^{} is the commit that it points to.
  return names.map((ref) => refs.get(`${ref}^{}`) ?? refs.get(ref)).find((commit) => commit);
}

/** Returns whether the cached commit is the requested one. */
async function isCurrent(meta: TreeMeta, job: GitJob): Promise<boolean> {
  const { spec, context } = job;
  if (context.offline || meta.commit === spec.ref.toLowerCase()) return true;
  const commit = await remoteCommit(job);
  // No remote lists an abbreviated commit id, but it always means the same commit.
  if (commit === undefined) return meta.commit.startsWith(spec.ref.toLowerCase());
  return commit === meta.commit;
}

/** Fetches the commit into the empty repository in `folder`, and returns its id. */
async function fetchCommit(job: GitJob, folder: string): Promise<string> {
  const { spec } = job;
  const options = optionsFor(job, folder);
  const quiet = { ...options, onLine: () => {} };
  for (const args of [
    ["init", "--quiet"],
    ["remote", "add", "--", "origin", spec.url],
  ]) {
    const result = await runGit(args, quiet);
    if (result.exitCode !== 0) throw gitError(`prepare ${folder}`, result);
  }
  const doing = `fetch ${spec.ref} from ${displayUrl(spec.url)}`;
  const shallow = ["fetch", "--quiet", "--no-tags", "--depth", "1", "origin", spec.ref];
  let result = await runRemote(job, shallow, options);
  let revision = "FETCH_HEAD";
  if (result.exitCode !== 0 && /^[0-9a-f]{4,64}$/i.test(spec.ref)) {
    // Some servers provide commits only by branch or tag name, so all of these are fetched.
    const all = ["fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*"];
    const whole = await runRemote(job, all, options);
    if (whole.exitCode !== 0) throw gitError(doing, whole, spec.url);
    revision = spec.ref;
    result = whole;
  }
  if (result.exitCode !== 0) throw gitError(doing, result, spec.url);
  const parsed = await runGit(["rev-parse", "--verify", "--quiet", `${revision}^{commit}`], quiet);
  const commit = parsed.stdout.trim();
  if (!FULL_COMMIT.test(commit)) {
    throw new VmbuildError("INPUT_GIT", `${displayUrl(spec.url)} has no commit ${spec.ref}`);
  }
  const checkout = await runGit(["checkout", "--quiet", "--detach", commit], quiet);
  if (checkout.exitCode !== 0) throw gitError(`check out ${commit}`, checkout);
  return commit;
}

async function fetchSubmodules(job: GitJob, folder: string): Promise<void> {
  const { spec } = job;
  // A remote tree must not be able to copy this host's own repositories into an image.
  const allowFile = spec.url.startsWith("/") || spec.url.startsWith("file:");
  const args = ["submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1"];
  const options = { ...optionsFor(job, folder), allowFile };
  const result = await runRemote(job, args, options);
  if (result.exitCode !== 0) {
    throw gitError(`fetch the submodules of ${displayUrl(spec.url)}`, result, spec.url);
  }
}

/** Removes every `.git`, so that the input is the same on every host. */
async function removeHistory(folder: Buffer): Promise<void> {
  for (const name of await readdir(folder, { encoding: "buffer" })) {
    const path = childPath(folder, name);
    if (name.toString("latin1") === ".git") await rm(path, { recursive: true, force: true });
    else if ((await lstat(path)).isDirectory()) await removeHistory(path);
  }
}

/**
 * Fetches the files of one commit, or finds them in the cache. A full commit id is fetched only
 * once; a branch or tag is looked up on each run and fetched again when it has moved.
 * @throws {VmbuildError} INPUT_GIT with git's output; INPUT_DOWNLOAD when offline and not cached;
 *   HOST_PROGRAM_MISSING; the signal's own reason when it aborted.
 */
export async function resolveGit(
  name: string,
  spec: GitSpec,
  context: FullContext,
): Promise<ResolvedInput> {
  checkGitNames(spec.url, spec.ref);
  const entry = gitEntry(spec, context.cacheFolder);
  const origin = displayUrl(spec.url);
  await using _lock = await lockEntry(entry, name, context);
  await using network = await gitNetwork(spec.url, entry.folder, context);
  const job: GitJob = { name, spec, context, network: network.variables };
  const known = (await statIfThere(entry.tree)) ? await readTreeMeta(entry.meta) : undefined;
  if (known && (await isCurrent(known, job))) {
    return { name, path: entry.tree, origin, commit: known.commit, fromCache: true };
  }
  if (context.offline) {
    const message = `${origin} at ${spec.ref} is not cached, and this run is offline`;
    throw new VmbuildError("INPUT_DOWNLOAD", message, {
      hint: "Run the command once without --offline.",
    });
  }
  const fill = async (folder: string) => {
    const commit = await fetchCommit(job, folder);
    if (spec.submodules) await fetchSubmodules(job, folder);
    await removeHistory(Buffer.from(folder));
    return { url: origin, ref: spec.ref, commit };
  };
  const { commit } = await fillTree(entry, fill, context);
  return { name, path: entry.tree, origin, commit, fromCache: false };
}
