/** Reruns the actions of cached steps whose results are not part of a checkpoint. */
import { messageOf } from "../../errors.js";
import type { Guest } from "../../guest/guest.js";
import { rerunAction } from "../../steps/step.js";
import type { ActionType } from "../../steps/action.js";
import type { ParsedAction } from "../../steps/registry.js";
import type { Step } from "../../steps/schema.js";
import type { RunContext } from "../context.js";
import { openStepLog, stepLocation } from "../step-log.js";

/** Side on which an action runs: the host or the guest. */
type ActionSide = ActionType["runsOn"];

/**
 * Returns whether an action of a cached step runs again. In a step with `skipIf` none does: the guest
 * decided whether they run, and what they created is part of the checkpoint.
 */
function mustRerun(
  { skipIf }: Pick<Step, "skipIf">,
  { type, value }: ParsedAction,
  side: ActionSide,
): boolean {
  return skipIf === undefined && type.runsOn === side && type.rerunsWhenRestored(value as never);
}

/** Returns whether a cached step has actions that must run on the host. */
export function hasHostActions(step: Step): boolean {
  return step.actions.some((action) => mustRerun(step, action, "host"));
}

/** Reruns a step's actions in the guest; without a guest, those on the host. */
async function rerun(
  context: RunContext,
  step: Step,
  index: number,
  guest: Guest | undefined,
): Promise<void> {
  const side: ActionSide = guest ? "guest" : "host";
  const { emit, options } = context;
  const log = openStepLog(context, index, step.name);
  try {
    for (const [position, action] of step.actions.entries()) {
      if (!mustRerun(step, action, side)) continue;
      const location = { ...stepLocation(context, index), log };
      const { signal } = options;
      await context.wait(() => rerunAction(step, position, { ...location, guest, emit, signal }));
    }
  } finally {
    log.close();
  }
}

/** Reruns a cached step's actions on the host. Throws their errors. */
export function rerunHostActions(context: RunContext, step: Step, index: number): Promise<void> {
  return rerun(context, step, index, undefined);
}

/**
 * Reruns a cached step's actions in the restored guest. If one fails, because a later step removed
 * what it needs, its earlier result is used.
 */
export async function rerunGuestActions(
  context: RunContext,
  step: Step,
  index: number,
  guest: Guest,
): Promise<void> {
  try {
    await rerun(context, step, index, guest);
  } catch (error) {
    context.options.signal.throwIfAborted();
    const message = `${step.name}: the earlier download is used: ${messageOf(error)}`;
    context.emit({ type: "note", message });
  }
}
