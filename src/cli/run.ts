/** Implements `vmbuild run`: runs builds, displays their progress, and prints the results. */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "../run/run.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { createBus } from "../events/bus.js";
import type { RunResult } from "../events/result.js";
import { reportError } from "../events/report.js";
import { Secrets } from "../events/secrets.js";
import { createSummary } from "../events/sinks/summary.js";
import type { Summary } from "../events/sinks/summary.js";
import type { Sink } from "../events/types.js";
import type { Breakpoint } from "../run/pause.js";
import type { Template } from "../template/load.js";
import { planOutput } from "../requirements/plan.js";
import { failedStepOf } from "../builds/records.js";
import { explain } from "./explain.js";
import { findArtifact } from "./find-artifact.js";
import { loadAllFromFlags } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { interruptible } from "./interrupt.js";

/** Flags of the command. */
export interface RunFlags extends TemplateFlags, OutputFlags {
  readonly output?: string;
  readonly onError: "fail" | "pause";
  readonly break?: string[];
  readonly debug?: boolean;
  readonly parallel: number;
  readonly offline?: boolean;
  readonly keepWork?: boolean;
  readonly force?: boolean;
  /** False with `--no-checkpoints`. */
  readonly checkpoints: boolean;
  readonly from?: string;
  readonly until?: string;
  readonly retry?: boolean;
  readonly check?: boolean;
  readonly explain?: boolean;
  readonly json?: boolean;
}

type Outcome = { readonly result: RunResult } | { readonly error: VmbuildError };

function parseBreakpoint(text: string, template: Template): Breakpoint {
  const match = /^(before|after):(.+)$/.exec(text);
  const [, when, step] = match ?? [];
  const names = template.steps.map(({ name }) => name);
  if ((when === "before" || when === "after") && step !== undefined && names.includes(step)) {
    return { when, step };
  }
  throw new VmbuildError("USAGE", `--break ${text}: use before:STEP or after:STEP`, {
    hint: `The steps of ${template.name} are ${names.join(", ")}.`,
  });
}

/**
 * Requires that the step of a flag exists.
 * @throws {VmbuildError} USAGE when the template has no such step.
 */
function requireStep(flag: string, step: string | undefined, template: Template) {
  const names = template.steps.map(({ name }) => name);
  if (step === undefined || names.includes(step)) return step;
  throw new VmbuildError("USAGE", `${flag} ${step}: ${template.name} has no such step`, {
    hint: `Its steps are ${names.join(", ")}.`,
  });
}

/** Returns the first step to run: the named one, or the one in which the last run failed. */
async function firstStep(template: Template, flags: RunFlags): Promise<string | undefined> {
  if (flags.from !== undefined) return requireStep("--from", flags.from, template);
  if (!flags.retry) return undefined;
  const step = await failedStepOf(template.name);
  return requireStep("--retry of step", step, template);
}

async function resumeOptions(template: Template, flags: RunFlags) {
  const until = requireStep("--until", flags.until, template);
  return { from: await firstStep(template, flags), until };
}

/** Returns a function that waits for Enter; undefined without a terminal. */
function enterKeyWaiter(): ((signal: AbortSignal) => Promise<void>) | undefined {
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

async function buildOne(
  template: Template,
  flags: RunFlags,
  { view, summaries }: Display,
  signal: AbortSignal,
): Promise<Outcome> {
  const secrets = new Secrets();
  const summary = createSummary();
  // The view is shared by all builds and is closed by its creator.
  const shared: Sink = { handle: (event) => view.handle(event), close: () => {} };
  const bus = createBus(template.name, secrets, [shared, summary]);
  try {
    const { from, until } = await resumeOptions(template, flags);
    const result = await build({
      template,
      force: flags.force ?? false,
      checkpoints: flags.checkpoints,
      from,
      until,
      check: flags.check ?? false,
      bus,
      secrets,
      signal,
      outputDirectory: flags.output,
      offline: flags.offline ?? false,
      onError: flags.onError,
      breakpoints: (flags.break ?? []).map((text) => parseBreakpoint(text, template)),
      pauseAfterEachStep: flags.debug ?? false,
      keepWork: flags.keepWork ?? false,
      waitForEnter: enterKeyWaiter(),
      findArtifact: (name) => findArtifact(name, flags),
    });
    return { result };
  } catch (thrown) {
    return { error: asVmbuildError(thrown) };
  } finally {
    await bus.close();
    summaries.push(summary);
  }
}

/**
 * Runs all builds in the given order, at most `parallel` at a time. A failure does not stop the
 * others.
 */
async function buildAll(
  templates: readonly Template[],
  flags: RunFlags,
  output: Output,
  signal: AbortSignal,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const summaries: Summary[] = [];
  const view = await output.createSink(templates.length > 1);
  const queue = [...templates.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [index, template] = next;
      // Each image has its own manifest beside it, so several images need a folder each.
      const own = flags.output !== undefined && templates.length > 1;
      const ofThis = own ? { ...flags, output: join(flags.output, template.name) } : flags;
      outcomes[index] = await buildOne(template, ofThis, { view, summaries }, signal);
      if (signal.aborted) return;
    }
  };
  await Promise.all(Array.from({ length: flags.parallel }, worker));
  await view.close();
  for (const summary of summaries) {
    output.log(summary.render({ color: output.color, columns: output.columns }));
  }
  return outcomes.filter((outcome) => outcome !== undefined);
}

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
async function requireDifferentFolders(templates: readonly Template[], flags: RunFlags) {
  if (flags.output !== undefined) return;
  const owners = new Map<string, string>();
  for (const template of templates) {
    const { folder } = planOutput(template);
    const real = await realpath(folder).catch(() => folder); // The folder does not exist yet.
    const other = owners.get(real);
    if (other !== undefined) {
      throw new VmbuildError(
        "USAGE",
        `The templates ${other} and ${template.name} have the same output folder: ${folder}`,
        {
          hint: "Change output.directory in one of them, or use --output DIR, which creates DIR/NAME.",
        },
      );
    }
    owners.set(real, template.name);
  }
}

function rejectConflictingFlags({ force, from, retry, checkpoints, output }: RunFlags): void {
  if (output === "") throw new VmbuildError("USAGE", "--output: the folder path is empty");
  const given = [
    ...(force ? ["--force"] : []),
    ...(from === undefined ? [] : ["--from"]),
    ...(retry ? ["--retry"] : []),
    ...(checkpoints ? [] : ["--no-checkpoints"]),
  ];
  if (given.length < 2 || (given.length === 2 && force && !checkpoints)) return;
  throw new VmbuildError("USAGE", `${given.join(" and ")} are mutually exclusive`);
}

/**
 * Runs the command; returns the exit code, which is that of the first failure when several fail.
 */
export async function run(names: readonly string[], flags: RunFlags): Promise<number> {
  const output = createOutput(flags);
  const templates: Template[] = [];
  for (const name of names) templates.push(...(await loadAllFromFlags(name, flags)));
  requireDifferentNames(templates);
  rejectConflictingFlags(flags);
  if (!flags.explain && flags.until === undefined) await requireDifferentFolders(templates, flags);
  // Invalid flags are reported before anything is built.
  for (const template of templates) {
    for (const text of flags.break ?? []) parseBreakpoint(text, template);
    await resumeOptions(template, flags);
  }
  if (flags.explain) return explain(templates, flags, (one) => resumeOptions(one, flags), output);
  const outcomes = await interruptible((signal) => buildAll(templates, flags, output, signal));
  if (flags.json) {
    const reports = outcomes.map((outcome) =>
      "result" in outcome ? outcome.result : { error: reportError(outcome.error) },
    );
    output.printJson(reports.length === 1 ? reports[0] : { results: reports });
  } else {
    for (const outcome of outcomes) {
      if (!("result" in outcome)) continue;
      const { artifact, otherArtifacts = [] } = outcome.result;
      if (artifact) for (const { path } of [artifact, ...otherArtifacts]) output.print(path);
    }
  }
  const failed = outcomes.find((outcome) => "error" in outcome);
  return failed ? failed.error.exitCode : 0;
}
