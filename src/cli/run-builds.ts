/** Runs the builds of `vmbuild run`, each after its base, with one display. */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findArtifact as findArtifactOf } from "../builds/find-artifact.js";
import { buildPaths } from "../builds/workspace.js";
import type { VmbuildError } from "../errors.js";
import { asVmbuildError } from "../errors.js";
import { createBus } from "../events/bus.js";
import type { Bus } from "../events/bus.js";
import type { RunResult } from "../events/result.js";
import { Secrets } from "../events/secrets.js";
import { createSummary } from "../events/sinks/summary.js";
import type { Summary } from "../events/sinks/summary.js";
import type { Sink } from "../events/types.js";
import type { GraphNode } from "../graph/graph.js";
import { runGraph } from "../graph/schedule.js";
import type { NodeResult } from "../graph/schedule.js";
import { statIfThere } from "../host/files.js";
import type { WorkTree } from "../host/work-tree.js";
import { isLocked, waitForLock } from "../host/lock.js";
import { build } from "../run/run.js";
import type { BuildOptions } from "../run/run.js";
import type { LeaseOptions } from "../builds/lease.js";
import type { CallerReport } from "./detached.js";
import { findArtifact } from "./find-artifact.js";
import type { Output } from "./output.js";
import { maxAgeOf, parseBreakpoint, resumeOptions } from "./run-options.js";
import type { RunFlags } from "./run-options.js";

/** Result of a build that was started, with its duration in milliseconds. */
export type Outcome = { readonly durationMs: number } & (
  { readonly result: RunResult } | { readonly error: VmbuildError }
);

/** Results of builds by name; without those that did not start because of a cancellation. */
export type Outcomes = ReadonlyMap<string, NodeResult<Outcome>>;

/** Returns a function that waits for Enter; undefined without a terminal. */
export function enterKeyWaiter(): ((signal: AbortSignal) => Promise<void>) | undefined {
  if (!process.stdin.isTTY) return undefined;
  return (signal) =>
    new Promise((resolve, reject) => {
      // A signal that has already aborted emits no event.
      if (signal.aborted) return reject(signal.reason as Error);
      const lines = createInterface({ input: process.stdin });
      lines.once("line", () => {
        lines.close();
        resolve();
      });
      signal.addEventListener("abort", () => {
        lines.close();
        reject(signal.reason as Error);
      });
    });
}

/** Display of all builds of one command. */
interface Display {
  readonly view: Sink;
  /** Summaries of the builds, which are printed at the end. */
  readonly summaries: Summary[];
}

/** Builds of one command. */
export interface Builds {
  /** Each after its base. */
  readonly nodes: readonly GraphNode[];
  readonly flags: RunFlags;
  /** Returns the output folder that replaces the template's; undefined unless one is given. */
  readonly folderOf: (node: GraphNode) => string | undefined;
  readonly lease?: LeaseOptions | undefined;
  /** State of the git work tree of each template, by its name, where it was read. */
  readonly workTrees?: ReadonlyMap<string, WorkTree> | undefined;
  /** Receives the events of the named template, in the process of a detached run. */
  readonly caller?: CallerReport | undefined;
}

/**
 * Returns a function that gives each of several named templates its own folder below `--output`.
 * Each image has its own manifest beside it.
 */
export function outputFolders(
  nodes: readonly GraphNode[],
  { output }: Pick<RunFlags, "output">,
): Builds["folderOf"] {
  const isOne = nodes.filter(({ isNamed }) => isNamed).length === 1;
  return ({ name, isNamed }) =>
    output === undefined || !isNamed ? undefined : isOne ? output : join(output, name);
}

/** Returns the options of a build for its manifest: the state of its work tree, release and patches. */
export function sourceOptions(
  { name, isNamed, template: { variables } }: GraphNode,
  { flags: { release, createPatches }, workTrees }: Builds,
): Pick<BuildOptions, "workTree" | "release" | "createPatches"> {
  return {
    workTree: workTrees?.get(name),
    release: Object.hasOwn(variables, "release") ? release : undefined,
    createPatches: isNamed && createPatches === true,
  };
}

/**
 * Returns the options of a build. Those that concern steps and checkpoints apply to the templates
 * that the user named.
 */
async function optionsOf(
  node: GraphNode,
  builds: Builds,
): Promise<Omit<BuildOptions, "bus" | "secrets" | "signal">> {
  const { flags, folderOf, lease } = builds;
  const { template, base, isNamed } = node;
  const common = {
    template,
    check: flags.check ?? false,
    outputDirectory: folderOf(node),
    offline: flags.offline ?? false,
    onError: flags.onError,
    waitForEnter: enterKeyWaiter(),
    lease,
    ...sourceOptions(node, builds),
    // A base that belongs to this command may have been built with another output folder.
    findArtifact: (name: string) =>
      base ? findArtifactOf(base.template, folderOf(base)) : findArtifact(name, flags, template),
  };
  if (!isNamed) return common;
  const { from, until } = await resumeOptions(template, flags);
  return {
    ...common,
    from,
    until,
    force: flags.force ?? false,
    maxAgeMs: maxAgeOf(flags),
    checkpoints: flags.checkpoints,
    breakpoints: (flags.break ?? []).map((text) => parseBreakpoint(text, template)),
    pauseAfterEachStep: flags.debug ?? false,
    keepWork: flags.keepWork ?? false,
    runId: flags.detachedRun,
  };
}

/**
 * Waits while another process builds a base that this command needs. A named template is not waited
 * for: its run fails at once.
 */
async function waitForBase({ name, isNamed }: GraphNode, bus: Bus, signal: AbortSignal) {
  const { lock } = buildPaths(name);
  if (isNamed || !(await statIfThere(lock)) || !(await isLocked(lock))) return;
  const message = `Waiting for the run of ${name} that is in progress in another process`;
  bus.emit({ type: "note", message });
  await using _held = await waitForLock(lock, signal);
}

async function buildOne(
  node: GraphNode,
  builds: Builds,
  { view, summaries }: Display,
  signal: AbortSignal,
): Promise<Outcome> {
  const secrets = new Secrets();
  const summary = createSummary();
  // The view is shared by all builds and is closed by its creator.
  const shared: Sink = { handle: (event) => view.handle(event), close: () => {} };
  const { caller } = builds;
  const sinks = caller ? [summary, ...(node.isNamed ? [caller.sink] : [])] : [shared, summary];
  const bus = createBus(node.name, secrets, sinks);
  const started = performance.now();
  const durationMs = (): number => performance.now() - started;
  try {
    const options = await optionsOf(node, builds);
    await waitForBase(node, bus, signal);
    const result = await build({ ...options, bus, secrets, signal });
    return { result, durationMs: durationMs() };
  } catch (thrown) {
    return { error: asVmbuildError(thrown), durationMs: durationMs() };
  } finally {
    await bus.close();
    summaries.push(summary);
  }
}

/**
 * Runs all builds, each after its base, at most `--parallel` at a time. A failure stops only the
 * builds that depend on it.
 */
export async function buildAll(
  builds: Builds,
  output: Output,
  signal: AbortSignal,
): Promise<Outcomes> {
  const { nodes, flags } = builds;
  const summaries: Summary[] = [];
  const view = await output.createSink(nodes.length > 1);
  const outcomes = await runGraph<Outcome>(nodes, {
    parallel: flags.parallel,
    run: (node) => buildOne(node, builds, { view, summaries }, signal),
    succeeded: (outcome) => "result" in outcome,
    signal,
  });
  await view.close();
  for (const summary of summaries) {
    output.log(summary.render({ color: output.color, columns: output.columns }));
  }
  return outcomes;
}
