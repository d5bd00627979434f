/** `vmbuild run`: builds, shows how it goes, prints what came of it. */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "../build/build.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { createBus } from "../events/bus.js";
import type { RunResult } from "../events/result.js";
import { reportError } from "../events/report.js";
import { Secrets } from "../events/secrets.js";
import { createSummary } from "../events/sinks/summary.js";
import type { Summary } from "../events/sinks/summary.js";
import type { Sink } from "../events/types.js";
import type { Breakpoint } from "../build/pause.js";
import type { Template } from "../template/load.js";
import { findArtifact } from "./find-artifact.js";
import { loadFor } from "./options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { interruptible } from "./interrupt.js";

/** The command's flags. */
export interface RunFlags extends TemplateFlags, OutputFlags {
  readonly output?: string;
  readonly onError: "fail" | "pause";
  readonly break?: string[];
  readonly debug?: boolean;
  readonly parallel: number;
  readonly offline?: boolean;
  readonly keepWork?: boolean;
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
  throw new VmbuildError("USAGE", `--break ${text}: write before:STEP or after:STEP`, {
    hint: `The steps of ${template.name} are ${names.join(", ")}.`,
  });
}

/** Resolves at the next line that somebody types; only where a terminal is there to type at. */
function enterAtTerminal(): ((signal: AbortSignal) => Promise<void>) | undefined {
  if (!process.stdin.isTTY) return undefined;
  return (signal) =>
    new Promise((resolve, reject) => {
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

async function buildOne(
  template: Template,
  flags: RunFlags,
  view: Sink,
  summaries: Summary[],
  signal: AbortSignal,
): Promise<Outcome> {
  const secrets = new Secrets();
  const summary = createSummary();
  // The view is shared by all builds; whoever made it closes it.
  const shared: Sink = { handle: (event) => view.handle(event), close: () => {} };
  const bus = createBus(template.name, secrets, [shared, summary]);
  try {
    const result = await build({
      template,
      bus,
      secrets,
      signal,
      outputDirectory: flags.output,
      offline: flags.offline ?? false,
      onError: flags.onError,
      breakpoints: (flags.break ?? []).map((text) => parseBreakpoint(text, template)),
      pauseAfterEachStep: flags.debug ?? false,
      keepWork: flags.keepWork ?? false,
      waitForEnter: enterAtTerminal(),
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

/** Builds all, at most `parallel` at a time, in the order given. One failure does not stop others. */
async function buildAll(
  templates: readonly Template[],
  flags: RunFlags,
  output: Output,
  signal: AbortSignal,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const summaries: Summary[] = [];
  const view = output.createSink(templates.length > 1);
  const queue = [...templates.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [index, template] = next;
      // Each image has a manifest of its own beside it, so that several need a folder each.
      const own = flags.output !== undefined && templates.length > 1;
      const ofThis = own ? { ...flags, output: join(flags.output, template.name) } : flags;
      outcomes[index] = await buildOne(template, ofThis, view, summaries, signal);
      if (signal.aborted) return;
    }
  };
  await Promise.all(Array.from({ length: flags.parallel }, worker));
  await view.close();
  for (const summary of summaries) {
    output.tell(summary.render({ color: output.color, columns: output.columns }));
  }
  return outcomes.filter((outcome) => outcome !== undefined);
}

function requireDifferentNames(templates: readonly Template[]): void {
  const names = templates.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new VmbuildError("USAGE", `Two of the templates are called ${twice}`);
}

/** Runs the command; returns the exit code, that of the first failure where several fail. */
export async function run(names: readonly string[], flags: RunFlags): Promise<number> {
  const output = createOutput(flags);
  const templates: Template[] = [];
  for (const name of names) templates.push(await loadFor(name, flags));
  requireDifferentNames(templates);
  const outcomes = await interruptible((signal) => buildAll(templates, flags, output, signal));
  if (flags.json) {
    const reports = outcomes.map((outcome) =>
      "result" in outcome ? outcome.result : { error: reportError(outcome.error) },
    );
    output.printJson(reports.length === 1 ? reports[0] : { results: reports });
  } else {
    for (const outcome of outcomes) {
      if ("result" in outcome) output.print(outcome.result.artifact.path);
    }
  }
  const failed = outcomes.find((outcome) => "error" in outcome);
  return failed ? failed.error.exitCode : 0;
}
