/** Actions of kept steps that run again all the same, since what they do is on the host. */
import { messageOf } from "../../errors.js";
import type { Guest } from "../../guest/guest.js";
import { rerunAction } from "../../steps/step.js";
import type { ParsedAction } from "../../steps/registry.js";
import type { Step } from "../../steps/schema.js";
import type { RunContext } from "../context.js";
import { openStepLog } from "../step-log.js";

/** `local` and `download` run again on resume, unless they say otherwise. */
function runsAgain(action: ParsedAction, name: "local" | "download"): boolean {
  if (action.type.name !== name) return false;
  return !(action.value as { cache: boolean }).cache;
}

/** Whether a kept step has something to do on the host. */
export function hasLocalActions(step: Step): boolean {
  return step.actions.some((action) => runsAgain(action, "local"));
}

async function rerun(
  context: RunContext,
  step: Step,
  index: number,
  name: "local" | "download",
  guest: Guest | undefined,
): Promise<void> {
  const { template, workspace, emit, meter, options } = context;
  const log = openStepLog(context, index, step.name);
  try {
    for (const [position, action] of step.actions.entries()) {
      if (!runsAgain(action, name)) continue;
      const place = {
        index,
        total: template.steps.length,
        templateFolder: template.folder,
        outputFolder: workspace.run.outputs,
        log,
      };
      const { signal } = options;
      await meter.waitFor(() => rerunAction(step, position, { ...place, guest, emit, signal }));
    }
  } finally {
    log.close();
  }
}

/** Runs a kept step's local actions again. Throws what they fail with. */
export function runLocalActions(context: RunContext, step: Step, index: number): Promise<void> {
  return rerun(context, step, index, "local", undefined);
}

/**
 * Downloads a kept step's files again, from the guest as it is now. Where a later step took a file
 * away, the one that was downloaded then stays.
 */
export async function downloadAgain(
  context: RunContext,
  step: Step,
  index: number,
  guest: Guest,
): Promise<void> {
  try {
    await rerun(context, step, index, "download", guest);
  } catch (error) {
    context.options.signal.throwIfAborted();
    const message = `${step.name}: an earlier download is kept: ${messageOf(error)}`;
    context.emit({ type: "note", message });
  }
}
