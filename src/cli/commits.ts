/**
 * Implements the options of `vmbuild run` about commits: `--require-clean`, `--skip-commit` and
 * `--commit-manifest`.
 */
import { basename, dirname, resolve } from "node:path";
import { entriesOfThisRun } from "../artifact/packer-manifest.js";
import { VmbuildError } from "../errors.js";
import type { GraphNode } from "../graph/graph.js";
import { statIfThere } from "../host/files.js";
import { commitFile, commitProblem, describeChanges, readWorkTree } from "../host/work-tree.js";
import type { WorkTree } from "../host/work-tree.js";
import type { Template } from "../template/load.js";
import { packerManifestSettings } from "../template/packer-manifest-schema.js";
import type { Output } from "./output.js";
import type { RunFlags } from "./run-options.js";

const HINT = "Commit or stash them, or build with --skip-commit.";

/**
 * Reads the state of the git work tree of each template, where an option asks for it, and refuses
 * uncommitted changes unless they are to be skipped.
 * @returns the states by the templates' names.
 * @throws {VmbuildError} GIT_DIRTY with the changes; GIT_UNUSABLE; HOST_PROGRAM_MISSING.
 */
export async function readWorkTrees(
  nodes: readonly GraphNode[],
  { release, createPatches, requireClean, skipCommit }: RunFlags,
): Promise<Map<string, WorkTree>> {
  const trees = new Map<string, WorkTree>();
  if (release === undefined && !createPatches && !requireClean && !skipCommit) return trees;
  for (const { name, template } of nodes) {
    const { path, folder } = template;
    const tree = template.workTree ?? (await readWorkTree(folder, [path]));
    if ("problem" in tree) {
      // Without a repository, there is nothing to compare a tree with.
      if (skipCommit) continue;
      throw new VmbuildError("GIT_UNUSABLE", `The commit of ${name} is unknown: ${tree.problem}`, {
        hint: "Build it in a clone of its repository, or with --skip-commit.",
      });
    }
    if (tree.changes.length > 0 && !skipCommit) {
      throw new VmbuildError("GIT_DIRTY", `${tree.root} has uncommitted changes`, {
        lines: describeChanges(tree),
        hint: HINT,
      });
    }
    trees.set(name, tree);
  }
  return trees;
}

/** Returns the absolute path of a template's manifest in Packer's format, if it has one. */
function manifestOf({ output: { packerManifest } }: Template): string | undefined {
  return packerManifest === undefined
    ? undefined
    : resolve(packerManifestSettings(packerManifest).file);
}

/** Returns the folder in which git runs for a manifest, which may not exist yet. */
async function folderOf(path: string, { folder }: Template): Promise<string> {
  const own = dirname(path);
  return (await statIfThere(own)) ? own : folder;
}

/**
 * Requires that the manifests of templates can be committed, before anything is built.
 * @throws {VmbuildError} USAGE for a template without a manifest; GIT_UNUSABLE.
 */
export async function requireCommits(templates: readonly Template[]): Promise<void> {
  for (const template of templates) {
    const path = manifestOf(template);
    if (path === undefined) {
      throw new VmbuildError("USAGE", `--commit-manifest: ${template.name} has no manifest`, {
        hint: "Set output.packerManifest.",
      });
    }
    const problem = await commitProblem(await folderOf(path, template), path);
    if (problem === undefined) continue;
    throw new VmbuildError("GIT_UNUSABLE", `${path} cannot be committed: ${problem}`);
  }
}

/**
 * Commits the manifests that this process has extended, with the artifacts in the message.
 * @throws {VmbuildError} AFTER_FAILED with git's output.
 */
export async function commitManifests(
  templates: readonly Template[],
  output: Pick<Output, "log">,
): Promise<void> {
  const paths = new Map(templates.map((template) => [manifestOf(template), template]));
  for (const [path, template] of paths) {
    if (path === undefined || !(await statIfThere(path))) continue;
    const entries = await entriesOfThisRun(path);
    if (entries.length === 0) continue;
    const name = basename(path);
    const [first, second] = entries.map(({ artifact_id: id }) => id);
    const subject = `Update ${name}: ${second === undefined ? first : `${entries.length} images`}`;
    const lines = entries.map((entry) => `${entry.name}: ${entry.artifact_id}`);
    const message = `${subject}\n\n${lines.join("\n")}\n`;
    const commit = await commitFile(await folderOf(path, template), path, message);
    if (commit !== undefined) output.log(`Committed ${name}: ${commit.slice(0, 7)} ${subject}`);
  }
}
