/** Compares the ref of a git repository with the commit that an image was made from. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { displayUrl } from "./address.js";
import type { FullContext } from "./context.js";
import type { Freshness, KnownContent } from "./freshness.js";
import { checkGitNames } from "./git.js";
import { FULL_COMMIT, remoteCommit } from "./git-input.js";
import type { GitSpec } from "./git-input.js";
import { gitNetwork } from "./git-network.js";

/** Asks the remote for the commit of the ref. */
async function askRemote(name: string, spec: GitSpec, context: FullContext) {
  const folder = await mkdtemp(join(tmpdir(), "vmbuild-git-"));
  try {
    await using network = await gitNetwork(spec.url, folder, context);
    return await remoteCommit({ name, spec, context, network: network.variables });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Compares the commit of a ref. A full commit id is not looked up.
 * @param name the name in the template, for messages.
 * @throws {VmbuildError} INPUT_GIT with git's output, or when there is no such ref;
 *   HOST_PROGRAM_MISSING; the signal's own reason when it aborted.
 */
export async function compareGit(
  name: string,
  spec: GitSpec,
  { commit }: KnownContent,
  context: FullContext,
): Promise<Freshness> {
  const { url, ref } = spec;
  checkGitNames(url, ref);
  if (commit === undefined) {
    return { state: "unknown", reason: "the manifest of the image has no commit to compare with" };
  }
  const isFixed = FULL_COMMIT.test(ref);
  const now = isFixed ? ref.toLowerCase() : await askRemote(name, spec, context);
  // No remote lists an abbreviated commit id, but it always means the same commit.
  const isSame = now === commit || (now === undefined && commit.startsWith(ref.toLowerCase()));
  if (isSame) return { state: "current", reason: `${ref} is the same commit` };
  if (now !== undefined) {
    return { state: "changed", reason: `${ref} is another commit`, from: commit, to: now };
  }
  throw new VmbuildError("INPUT_GIT", `${displayUrl(url)} has no ref ${ref} any more`);
}
