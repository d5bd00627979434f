/** What starting a machine takes, and what it gives. */
import type { Checkpoint } from "../checkpoints/records.js";
import type { Guest } from "../guest/guest.js";
import type { BuildKeys } from "../seed/keys.js";
import type { RunningMachine } from "../machine/machine.js";
import type { RunPlan } from "./checkpoints/plan.js";
import { Saver } from "./checkpoints/save.js";
import type { RunContext } from "./context.js";
import type { Control } from "../builds/control.js";
import type { Prepared } from "./prepare.js";

/** A machine that runs. Disposing of it ends the machine. */
export interface Started extends AsyncDisposable {
  readonly machine: RunningMachine;
  /** Undefined while it boots. */
  readonly guest: Guest | undefined;
  readonly keys: BuildKeys;
  /** The states on the way to the one that it was loaded from. */
  readonly kept: readonly Checkpoint[];
  /** The state that it was loaded from. */
  readonly from: Checkpoint | undefined;
  /** Undefined where no states are saved. */
  readonly saver: Saver | undefined;
}

/** What starting works with. */
export interface Start {
  readonly context: RunContext;
  readonly prepared: Prepared;
  readonly plan: RunPlan;
  readonly control: Control;
}

/** What saves the machine's states, where the run saves any. */
export function createSaver({ context, plan }: Start, machine: RunningMachine): Saver | undefined {
  const { limits, store, decision } = plan;
  if (!limits) return undefined;
  const { emit, options, workspace } = context;
  return new Saver({
    machine,
    store,
    limits,
    outputs: workspace.run.outputs,
    currentKeys: decision.keys,
    emit,
    signal: AbortSignal.any([options.signal, machine.death]),
  });
}

/** Makes it an owner of its machine. */
export function started(parts: Omit<Started, typeof Symbol.asyncDispose>): Started {
  return {
    ...parts,
    async [Symbol.asyncDispose]() {
      await parts.machine.kill();
    },
  };
}
