/**
 * Implements `vmbuild run --explain`: shows which steps would be restored, which would run, and
 * what changed.
 */
import type { RunPreview } from "../run/checkpoints/preview.js";
import type { BuildOptions } from "../run/context.js";
import type { Style } from "../events/sinks/style.js";
import type { Template } from "../template/load.js";
import { interruptible } from "./interrupt.js";
import { previewRun } from "./preview.js";
import type { TemplateFlags } from "./options.js";
import type { Output } from "./output.js";
import { alignRows } from "./table.js";

/** Flags of `run` that apply here. */
export interface ExplainFlags extends TemplateFlags {
  readonly force?: boolean;
  readonly checkpoints: boolean;
  readonly output?: string;
  readonly offline?: boolean;
  readonly check?: boolean;
  readonly json?: boolean;
}

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

/** Runs the command; returns the exit code. */
export async function explain(
  templates: readonly Template[],
  flags: ExplainFlags,
  resumeOptions: (template: Template) => Promise<Pick<BuildOptions, "from" | "until">>,
  output: Output,
): Promise<number> {
  const reports: Report[] = [];
  for (const template of templates) {
    const { from, until } = await resumeOptions(template);
    const more: Partial<BuildOptions> = {
      force: flags.force ?? false,
      checkpoints: flags.checkpoints,
      offline: flags.offline ?? false,
      check: flags.check ?? false,
      outputDirectory: flags.output,
      from,
      until,
    };
    const preview = await interruptible((signal) =>
      previewRun(template, flags, output, { ...more, signal }),
    );
    reports.push(reportOf(template, preview, until));
  }
  if (flags.json) output.printJson(reports.length === 1 ? reports[0] : { results: reports });
  else {
    const texts = reports.map((report) => render(report, output.stdoutStyle).join("\n"));
    output.print(texts.join("\n\n"));
  }
  return 0;
}
