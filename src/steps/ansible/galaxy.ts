/** Installs the roles and collections of a requirements file on this host, and caches them. */
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError } from "../../errors.js";
import { markUsed, statIfThere } from "../../host/files.js";
import { Tail } from "../../host/lines.js";
import { runProgram } from "../../host/programs.js";
import type { RunOptions } from "../../host/programs.js";
import { lockEntry, readTreeMeta } from "../../inputs/cache.js";
import { fillContext } from "../../inputs/context.js";
import { fillTree, treeEntry } from "../../inputs/tree-cache.js";
import type { ActionContext } from "../action.js";
import { galaxyFolders } from "./arguments.js";
import { parseRequirements } from "./requirements-file.js";
import type { Requirement } from "./requirements-file.js";

/** Requirements file of an action, and how ansible-galaxy runs. */
export interface GalaxyJob {
  /** Path as the template gives it, for messages. */
  readonly name: string;
  /** Absolute path. */
  readonly path: string;
  /** Project folder, to which paths in the file are relative. */
  readonly folder: string;
  readonly environment: NonNullable<RunOptions["env"]>;
  readonly signal: AbortSignal;
  /** Private folder of the run. */
  readonly scratch: string;
}

/** Number of roles and collections that an error names. */
const MAX_NAMED = 10;

/** Names what a requirements file asks for. */
function requirementNames(found: readonly Requirement[] | undefined): string {
  const names = (found ?? []).map(({ label }) => label);
  const more = names.length - MAX_NAMED;
  return [...names.slice(0, MAX_NAMED), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

/** Returns the error for ansible-galaxy that failed, on the host or in the guest. */
export function galaxyError(
  name: string,
  found: readonly Requirement[] | undefined,
  lines: readonly string[],
): VmbuildError {
  const asked = requirementNames(found);
  const what = asked === "" ? "the roles and collections" : asked;
  return new VmbuildError("INPUT_GALAXY", `ansible-galaxy could not install ${what} (${name})`, {
    lines,
    details: { requirements: name, asked: (found ?? []).map(({ label }) => label) },
  });
}

/** Returns the variables with which ansible-galaxy installs below a folder. */
function galaxyEnvironment(root: string): Record<string, string | undefined> {
  const { roles, collections } = galaxyFolders(root);
  return {
    ANSIBLE_ROLES_PATH: roles,
    ANSIBLE_COLLECTIONS_PATHS: undefined,
    ANSIBLE_COLLECTIONS_PATH: collections,
  };
}

async function ansibleVersion({ folder, environment, signal }: GalaxyJob): Promise<string> {
  const options = { cwd: folder, env: environment, signal, captureOutput: true };
  const { stdout } = await runProgram("ansible-galaxy", ["--version"], options);
  return /\d+(\.\d+)+[\w.]*/.exec(stdout.split("\n")[0] ?? "")?.[0] ?? "unknown";
}

/** Installs into a folder, which becomes the parent of `roles` and `collections`. */
async function install(
  job: GalaxyJob,
  root: string,
  found: readonly Requirement[] | undefined,
  context: ActionContext,
): Promise<void> {
  const { roles, collections } = galaxyFolders(root);
  await mkdir(roles, { recursive: true });
  await mkdir(collections, { recursive: true });
  const tail = new Tail();
  const result = await runProgram("ansible-galaxy", ["install", "--role-file", job.path], {
    cwd: job.folder,
    env: { ...job.environment, ...galaxyEnvironment(root) },
    signal: job.signal,
    processGroup: true,
    onLine: (line, stream) => {
      tail.push(line);
      context.onLine(line, stream, "ansible-galaxy");
    },
  });
  if (result.exitCode !== 0) throw galaxyError(job.name, found, tail.lines);
}

/**
 * Installs the roles and collections of a requirements file, or finds them in the cache, whose key
 * is the content of the file and the version of Ansible. Those from paths of this host are installed
 * for each run, since a path says nothing about its content.
 * @returns the folder that contains `roles` and `collections`; absolute.
 * @throws {VmbuildError} INPUT_GALAXY with what was asked for; HOST_PROGRAM_MISSING; the signal's own
 *   reason when it aborted.
 */
export async function installRequirements(job: GalaxyJob, context: ActionContext): Promise<string> {
  const text = await readFile(job.path, "utf8");
  const found = parseRequirements(text);
  if (!found || found.some(({ isLocal }) => isLocal)) {
    const root = join(job.scratch, "galaxy");
    await install(job, root, found, context);
    return root;
  }
  const version = await ansibleVersion(job);
  const sha256 = createHash("sha256").update(text).digest("hex");
  const cache = fillContext({ emit: context.emit, signal: job.signal, offline: false });
  const entry = treeEntry(`ansible-galaxy ${version} ${sha256}`, cache.cacheFolder);
  await using _lock = await lockEntry(entry, job.name, cache);
  const known = (await statIfThere(entry.tree)) ? await readTreeMeta(entry.meta) : undefined;
  if (known) {
    context.onLine(
      `${job.name}: cached roles and collections are used`,
      "stdout",
      "ansible-galaxy",
    );
  } else {
    const fill = async (root: string) => {
      await install(job, root, found, context);
      const url = `ansible-galaxy: ${requirementNames(found)}`;
      return { url, ref: `Ansible ${version}`, commit: sha256 };
    };
    await fillTree(entry, fill, cache);
  }
  await markUsed(entry.folder);
  return entry.tree;
}
