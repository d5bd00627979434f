/** Makes the artifact of a base that needs no boot: an installed system that no step changes. */
import { hasSeedContent } from "../seed/registry.js";
import type { RunContext } from "./context.js";
import { prepareDisk } from "./disk.js";
import { StoppedMachine } from "./lifecycle.js";
import type { StartInput } from "./lifecycle.js";
import type { Prepared } from "./prepare.js";
import type { StepsResult } from "./steps.js";

/**
 * Returns whether the base is published as it is: nothing of the template would change it, and
 * without the seal nothing of the build is in it.
 */
export function needsNoMachine({ template }: Pick<RunContext, "template">, { base }: Prepared) {
  const { steps, seal, seed } = template;
  return base.isComplete === true && steps.length === 0 && !seal && !hasSeedContent(seed);
}

/** Prepares the base's disk for the artifact, without starting a machine. */
export async function withoutMachine({
  context,
  prepared,
  plan,
}: StartInput): Promise<StepsResult & { readonly stopped: StoppedMachine }> {
  const keys = await prepareDisk(context, prepared);
  const message = "No step changes the installed system, and it is not sealed: it is not booted";
  context.emit({ type: "note", message });
  const stopped = StoppedMachine.neverStarted(context.workspace.work.disk, keys);
  return { records: [], key: plan.decision.keys[0], stopped };
}
