/**
 * Implements `vmbuild run --explain`: shows which steps would be restored, which would run, and
 * what changed.
 */
import { findArtifact } from "../builds/find-artifact.js";
import type { GraphNode } from "../graph/graph.js";
import type { RunPreview } from "../run/checkpoints/preview.js";
import type { BuildOptions } from "../run/context.js";
import type { Style } from "../events/sinks/style.js";
import type { Template } from "../template/load.js";
import { interruptible } from "./interrupt.js";
import { previewRun } from "./preview.js";
import type { Output } from "./output.js";
import { sourceOptions } from "./run-builds.js";
import type { Builds } from "./run-builds.js";
import { maxAgeOf, resumeOptions } from "./run-options.js";
import { alignRows } from "./table.js";

/** Returns the preview as one object with the same facts as the text. */
function reportOf(
  template: Template,
  { plan, hasSharedGuest }: RunPreview,
  until: string | undefined,
) {
  const { decision, upToDate, alteration } = plan;
  const last = template.steps.findIndex(({ name }) => name === until);
  const steps = last === -1 ? decision.steps : decision.steps.slice(0, last + 1);
  return {
    name: template.name,
    upToDate: upToDate !== undefined,
    image: alteration ?? null,
    start: startOf(decision.candidates[0]?.index, hasSharedGuest),
    kept: decision.cachedSteps,
    steps: steps.map(({ step, index, cached, reason }) => ({
      index,
      step,
      kept: cached || upToDate !== undefined,
      reason: upToDate ? "" : reason,
    })),
  };
}

type Report = ReturnType<typeof reportOf>;

function startOf(index: number | undefined, hasSharedGuest: boolean) {
  if (index !== undefined && index > 0) return "checkpoint" as const;
  return index === 0 || hasSharedGuest ? ("booted guest" as const) : ("boot" as const);
}

function render(report: Report, style: Style): string[] {
  const { steps, kept } = report;
  const rows = steps.map(({ index, step, kept: isKept, reason }) => [
    `  ${index}`,
    step,
    isKept ? style.green("cached") : style.yellow("runs"),
    reason,
  ]);
  const first = steps.find((step) => !step.kept);
  const after =
    kept === 0 ? "" : `; first step to run after ${kept} cached ${kept === 1 ? "step" : "steps"}`;
  const verdict = report.upToDate
    ? `${report.name} is up to date`
    : first === undefined
      ? `no step runs; the image is ${report.image === null ? "created" : `rebuilt (${report.image})`} from the last checkpoint`
      : `step ${first.index} runs: ${first.reason}${after}`;
  const starts = {
    checkpoint: "The machine resumes from a checkpoint.",
    "booted guest": "The machine resumes from the checkpoint of a booted guest.",
    boot: "The machine boots.",
  };
  const start = report.upToDate ? [] : [style.dim(starts[report.start])];
  return [style.bold(verdict), ...alignRows(rows), ...start];
}

/** Returns the report of a template whose base is built first, so that all steps run. */
function reportAfterBase({ template, base }: GraphNode): Report {
  const reason = `its base ${base?.name ?? ""} is built first`;
  return {
    name: template.name,
    upToDate: false,
    image: null,
    start: "boot",
    kept: 0,
    steps: template.steps.map(({ name }, index) => ({
      index: index + 1,
      step: name,
      kept: false,
      reason: index === 0 ? reason : "an earlier step runs",
    })),
  };
}

/** Determines what a run of the node would do. */
async function explainNode(node: GraphNode, builds: Builds, output: Output): Promise<Report> {
  const { flags, folderOf } = builds;
  const { template, base, isNamed } = node;
  const { from, until } = isNamed ? await resumeOptions(template, flags) : {};
  const { force = false, checkpoints } = flags;
  const own = isNamed ? { force, checkpoints, maxAgeMs: maxAgeOf(flags) } : {};
  const more: Partial<BuildOptions> = {
    ...own,
    offline: flags.offline ?? false,
    check: flags.check ?? false,
    outputDirectory: folderOf(node),
    ...sourceOptions(node, builds),
    from,
    until,
    ...(base ? { findArtifact: () => findArtifact(base.template, folderOf(base)) } : {}),
  };
  const preview = await interruptible((signal) =>
    previewRun(template, flags, output, { ...more, signal }),
  );
  return reportOf(template, preview, until);
}

/** Explains all builds, each after its base; returns the exit code. */
export async function explain(builds: Builds, output: Output): Promise<number> {
  const reports = new Map<GraphNode, Report>();
  for (const node of builds.nodes) {
    const base = node.base && reports.get(node.base);
    const isBlocked = base !== undefined && !base.upToDate;
    const own = isBlocked ? reportAfterBase(node) : await explainNode(node, builds, output);
    reports.set(node, own);
  }
  const all = [...reports.values()];
  if (builds.flags.json) output.printJson(all.length === 1 ? all[0] : { results: all });
  else {
    const style = output.stdoutStyle;
    const titleOf = ({ name }: Report): string[] =>
      all.length > 1 ? [style.bold(`${name}:`)] : [];
    const texts = all.map((one) => [...titleOf(one), ...render(one, style)].join("\n"));
    output.print(texts.join("\n\n"));
  }
  return 0;
}
