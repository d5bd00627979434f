/** Opens the logs of steps: `steps/03-directories.log` in the run's folder. */
import { join } from "node:path";
import { messageOf } from "../errors.js";
import { buildPathsOf } from "../requirements/plan.js";
import { createLineFile } from "../host/line-file.js";
import type { LineFile } from "../host/line-file.js";
import type { CommonWith } from "./context.js";

/**
 * Returns the name of a step's log.
 * @param index counted from 1.
 */
function stepLogName(index: number, name: string): string {
  return `${String(index).padStart(2, "0")}-${name}.log`;
}

/** Opens a step's log. Secrets are masked; a write error is reported as a warning. */
export function openStepLog(
  { workspace, options, emit }: CommonWith<"workspace" | "options" | "emit">,
  index: number,
  name: string,
): LineFile {
  const path = join(workspace.run.steps, stepLogName(index, name));
  const mask = (line: string): string => options.secrets.mask(line);
  return createLineFile(path, mask, (error) =>
    emit({ type: "warning", message: `The log ${path} is incomplete: ${messageOf(error)}` }),
  );
}

/**
 * Returns a step's position and folders, for `steps/`.
 * @param index counted from 1.
 */
export function stepLocation(
  { template, workspace }: CommonWith<"template" | "workspace">,
  index: number,
) {
  return {
    index,
    total: template.steps.length,
    steps: template.steps,
    templateFolder: template.folder,
    outputFolder: workspace.run.outputs,
    buildPaths: buildPathsOf(template),
  };
}
