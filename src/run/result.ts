/** Composes the results of runs that create no image. */
import type { RunResult } from "../events/result.js";
import type { PublishedImage } from "./checkpoints/published.js";
import type { RunContext, ContextWith } from "./context.js";
import type { StepRecord } from "./steps.js";

/** Returns the result of a run whose image is up to date. */
export function upToDateResult(
  context: ContextWith<"template" | "workspace" | "warnings">,
  published: PublishedImage,
): RunResult {
  const { template, workspace, warnings } = context;
  return {
    name: template.name,
    version: template.version,
    upToDate: true,
    artifact: published.artifact,
    ...(published.otherArtifacts.length > 0 ? { otherArtifacts: published.otherArtifacts } : {}),
    manifest: published.manifest,
    runFolder: workspace.run.folder,
    steps: published.steps.map((step) => ({ ...step, restored: true })),
    warnings,
  };
}

/** Returns the result of a run that stopped after the step of `--until`. */
export function stoppedResult(context: RunContext, steps: readonly StepRecord[]): RunResult {
  const { template, workspace, warnings, options } = context;
  return {
    name: template.name,
    version: template.version,
    upToDate: false,
    ...(options.until === undefined ? {} : { until: options.until }),
    runFolder: workspace.run.folder,
    steps,
    warnings,
    hints: [`Open a shell: vmbuild ssh ${template.name}`, `Continue: vmbuild run ${template.name}`],
  };
}
