/** Makes the artifact of a base that needs no boot: a finished system that no step changes. */
import { prepareDisk } from "./disk.js";
import { StoppedMachine } from "./lifecycle.js";
import type { StartInput } from "./lifecycle.js";
import type { StepsResult } from "./steps.js";

/** Prepares the base's disk for the artifact, without starting a machine. */
export async function withoutMachine({
  context,
  prepared,
  plan,
}: StartInput): Promise<StepsResult & { readonly stopped: StoppedMachine }> {
  const keys = await prepareDisk(context, prepared);
  const message = "No step changes the system, and it is not sealed: it is not booted";
  context.emit({ type: "note", message });
  const stopped = StoppedMachine.neverStarted(context, keys);
  return { records: [], key: plan.decision.keys[0], stopped };
}
