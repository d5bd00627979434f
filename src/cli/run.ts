/** Implements `vmbuild run`: runs builds, displays their progress, and prints the results. */
import { realpath } from "node:fs/promises";
import { VmbuildError, asVmbuildError } from "../errors.js";
import type { GraphNode } from "../graph/graph.js";
import { planOutput } from "../requirements/plan.js";
import type { Template } from "../template/load.js";
import { attach } from "./attach.js";
import { detach } from "./detach.js";
import { openCallerReport } from "./detached.js";
import type { CallerReport } from "./detached.js";
import { explain } from "./explain.js";
import { loadGraphOf, loadNamed, withoutBases } from "./graph-templates.js";
import { interruptible } from "./interrupt.js";
import { leaseOf } from "./lease-options.js";
import { wantsToAttach } from "./offer-attach.js";
import { commitManifests, requireCommits, readWorkTrees } from "./commits.js";
import { createOutput } from "./output.js";
import { buildAll, outputFolders } from "./run-builds.js";
import {
  maxAgeOf,
  parseBreakpoint,
  rejectConflictingFlags,
  rejectHostFlags,
  requirePatches,
  resumeOptions,
} from "./run-options.js";
import type { RunFlags } from "./run-options.js";
import { firstError, report } from "./run-report.js";

export type { RunFlags } from "./run-options.js";

function requireDifferentNames(templates: readonly Template[]): void {
  const names = templates.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new VmbuildError("USAGE", `Two of the templates have the name ${twice}`);
}

/**
 * Requires a different output folder for each template: the checks of each run could not detect a
 * conflict with another run that has not published anything yet.
 */
async function requireDifferentFolders(
  nodes: readonly GraphNode[],
  folderOf: (node: GraphNode) => string | undefined,
): Promise<void> {
  const owners = new Map<string, string>();
  for (const node of nodes) {
    const { folder } = planOutput(node.template, folderOf(node));
    const real = await realpath(folder).catch(() => folder); // The folder does not exist yet.
    const other = owners.get(real);
    if (other !== undefined) {
      throw new VmbuildError(
        "USAGE",
        `The templates ${other} and ${node.name} have the same output folder: ${folder}`,
        {
          hint: "Change output.directory in one of them, or use --output DIR, which creates DIR/NAME.",
        },
      );
    }
    owners.set(real, node.name);
  }
}

/** Requires either names or `--all`. */
function requireNames(names: readonly string[], { all }: RunFlags): void {
  if (names.length > 0 !== (all === true)) return;
  throw new VmbuildError(
    "USAGE",
    all ? "--all and names of templates are mutually exclusive" : "No template is given",
    { hint: "Name one or more templates, or use --all." },
  );
}

/**
 * Runs the command; returns the exit code, which is that of the first failure when several fail.
 */
export async function run(names: readonly string[], flags: RunFlags): Promise<number> {
  const caller = flags.detachedRun === undefined ? undefined : openCallerReport();
  try {
    return await runTemplates(names, flags, caller);
  } catch (error) {
    caller?.fail(error);
    throw error;
  }
}

async function runTemplates(
  names: readonly string[],
  flags: RunFlags,
  caller: CallerReport | undefined,
): Promise<number> {
  const output = createOutput(flags);
  const lease = await leaseOf(flags);
  rejectHostFlags(flags);
  requireNames(names, flags);
  const templates = await loadNamed(names, flags);
  requireDifferentNames(templates);
  rejectConflictingFlags(flags, templates.length);
  maxAgeOf(flags);
  const nodes = flags.bases ? await loadGraphOf(templates, flags) : withoutBases(templates);
  const folderOf = outputFolders(nodes, flags);
  if (!flags.explain && flags.until === undefined) await requireDifferentFolders(nodes, folderOf);
  // Invalid flags are reported before anything is built.
  for (const template of templates) {
    for (const text of flags.break ?? []) parseBreakpoint(text, template);
    await resumeOptions(template, flags);
  }
  if (flags.createPatches) await requirePatches(templates);
  const workTrees = await readWorkTrees(nodes, flags);
  if (flags.commitManifest) await requireCommits(templates);
  const builds = { nodes, flags, folderOf, lease, caller, workTrees };
  if (flags.explain) return explain(builds, output);
  const [only, second] = templates;
  if (only && !second && !caller) {
    if (await wantsToAttach(only.name, flags, output)) {
      const { logFormat, color } = flags;
      return attach(only.name, { logFormat, color });
    }
    if (flags.detach) return detach(only.name, flags.json ?? false, output);
  }
  const outcomes = await interruptible(
    (signal) => buildAll(builds, output, signal),
    // A detached run has no terminal that could be closed.
    { hangup: !caller },
  );
  report(nodes, outcomes, output, flags.json ?? false);
  const error = firstError(nodes, outcomes);
  const uncommitted = flags.commitManifest
    ? await commitManifests(templates, output).then(() => undefined, asVmbuildError)
    : undefined;
  // It is not thrown, because the result of the builds has been printed.
  if (uncommitted) output.printError(uncommitted);
  // The caller of a detached run waits for the named template, which a failed base prevents.
  const failure = error ?? uncommitted;
  if (failure) caller?.fail(failure);
  return failure?.exitCode ?? 0;
}
