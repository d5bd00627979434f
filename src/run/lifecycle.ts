/**
 * Defines the life cycle of a run's machine as types: booting, ready, stopped. Functions that need
 * a guest take a {@link ReadyMachine}; those that read the disk take a {@link StoppedMachine}.
 */
import type { Control } from "../builds/control.js";
import type { Checkpoint } from "../checkpoints/records.js";
import type { Guest } from "../guest/guest.js";
import { extraDiskPath } from "../machine/extra-disks.js";
import type { RunningMachine } from "../machine/running-machine.js";
import type { BuildKeys } from "../seed/keys.js";
import type { RunPlan } from "./checkpoints/plan.js";
import { CheckpointSaver } from "./checkpoints/save.js";
import type { ContextWith, RunContext } from "./context.js";
import type { Prepared } from "./prepare.js";

/** Inputs of `startMachine`. */
export interface StartInput {
  readonly context: RunContext;
  readonly prepared: Prepared;
  readonly plan: RunPlan;
  readonly control: Control;
}

/** Running machine. Disposing of it kills the machine. */
interface DisposableMachine extends AsyncDisposable {
  readonly machine: RunningMachine;
  readonly keys: BuildKeys;
  /** Saves checkpoints; undefined where the run does not save any. */
  readonly saver: CheckpointSaver | undefined;
}

/** A machine whose guest is booting. */
export interface BootingMachine extends DisposableMachine {
  readonly stage: "booting";
}

/** A machine whose guest is connected. */
export interface ReadyMachine extends DisposableMachine {
  readonly stage: "ready";
  readonly guest: Guest;
  /** Checkpoint that the machine was restored from; undefined after a boot. */
  readonly from: Checkpoint | undefined;
  /** That checkpoint and the earlier ones, as far as they are recorded. */
  readonly restored: readonly Checkpoint[];
}

/** Parts of a run that determine the disks of its machine. */
type DiskContext = ContextWith<"template" | "workspace">;

/** Machine that has stopped. */
export class StoppedMachine {
  /** Path of the working disk, which is no longer in use. */
  readonly disk: string;
  /** Paths of the machine's further disks, by name. */
  readonly disks: ReadonlyMap<string, string>;
  /** Keys of the build. Their traces may still be in free blocks of the disk. */
  readonly keys: BuildKeys;

  private constructor({ template, workspace }: DiskContext, keys: BuildKeys) {
    const { work } = workspace;
    this.disk = work.disk;
    this.disks = new Map(
      template.machine.disks.map(({ name }) => [name, extraDiskPath(work.disks, name)]),
    );
    this.keys = keys;
  }

  /** Describes disks that no machine has used. */
  static neverStarted(context: DiskContext, keys: BuildKeys): StoppedMachine {
    return new StoppedMachine(context, keys);
  }

  /** Waits until QEMU has exited. */
  static async from(
    { machine, keys }: ReadyMachine,
    context: DiskContext,
  ): Promise<StoppedMachine> {
    await machine.ended;
    return new StoppedMachine(context, keys);
  }
}

/** Adds disposal: disposing of the result kills the machine. */
function withDisposal<T extends Omit<DisposableMachine, typeof Symbol.asyncDispose>>(parts: T) {
  return {
    ...parts,
    async [Symbol.asyncDispose]() {
      await parts.machine.kill();
    },
  };
}

/** Describes a machine whose guest is booting. */
export function bootingMachine(
  parts: Omit<BootingMachine, "stage" | typeof Symbol.asyncDispose>,
): BootingMachine {
  return withDisposal({ ...parts, stage: "booting" as const });
}

/** Describes a machine whose guest is connected. */
export function readyMachine(
  parts: Omit<ReadyMachine, "stage" | typeof Symbol.asyncDispose>,
): ReadyMachine {
  return withDisposal({ ...parts, stage: "ready" as const });
}

/** Creates the saver of the machine's checkpoints; undefined where the run does not save any. */
export function createCheckpointSaver(
  { context, plan }: StartInput,
  machine: RunningMachine,
): CheckpointSaver | undefined {
  const { limits, store, decision } = plan;
  if (!limits) return undefined;
  const { emit, options, workspace } = context;
  return new CheckpointSaver({
    machine,
    store,
    limits,
    outputs: workspace.run.outputs,
    currentKeys: decision.keys,
    emit,
    signal: AbortSignal.any([options.signal, machine.death]),
  });
}
