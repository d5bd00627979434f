/** Starts the machine from a checkpoint. */
import { asVmbuildError } from "../errors.js";
import type { VmbuildError } from "../errors.js";
import { loadKeys } from "../seed/keys.js";
import { keepDigest } from "../inputs/digest-cache.js";
import { readCapabilities } from "../guest/capabilities.js";
import { refreshGuest } from "../guest/refresh.js";
import { enableMemoryStats } from "../machine/balloon.js";
import { loadSnapshot, resumeMachine } from "../machine/snapshot.js";
import type { Checkpoint } from "../checkpoints/records.js";
import { bootMachine, reconnectGuest } from "./boot.js";
import { noteLostFeatures } from "./access.js";
import { findRootCause } from "./root-cause.js";
import { rerunGuestActions } from "./checkpoints/rerun-actions.js";
import type { RunPlan } from "./checkpoints/plan.js";
import { copySharedCheckpoint } from "./checkpoints/shared.js";
import { hostnameOf } from "../seed/hostname.js";
import { createCheckpointSaver, readyMachine } from "./lifecycle.js";
import type { ReadyMachine, StartInput } from "./lifecycle.js";

async function resume(start: StartInput, checkpoint: Checkpoint): Promise<ReadyMachine> {
  const { context, prepared, plan, control } = start;
  const { emit, workspace, template } = context;
  const { store } = plan;
  await store.markInUse();
  await store.update(checkpoint.tag, { usedAt: new Date().toISOString() });
  const keys = await loadKeys(workspace.work.keys);
  const machine = await context.phase(
    "resume",
    async () => {
      const paused = await bootMachine(context, prepared, control, { paused: true });
      try {
        await loadSnapshot(paused, checkpoint.tag);
        await resumeMachine(paused);
        return paused;
      } catch (error) {
        await paused.kill();
        throw error;
      }
    },
    {
      detail: () =>
        checkpoint.index === 0 ? "a booted guest" : `the checkpoint after ${checkpoint.step}`,
    },
  );
  try {
    await enableMemoryStats(machine);
    const known = readCapabilities(checkpoint.guest);
    if (known) noteLostFeatures(known, emit);
    const login = { plan: prepared.login, keys, seed: prepared.seed };
    const guest = await reconnectGuest(context, machine, login, known);
    const hostname = hostnameOf(template.name);
    // A guest that has just booted may start timers later.
    const timersStopped = checkpoint.index > 0;
    const { seeded } = await context.wait(() =>
      refreshGuest(guest, { hostname, restored: true, timersStopped }),
    );
    if (!seeded) {
      emit({
        type: "warning",
        message:
          "The guest's random number generator could not be reseeded: the guest has neither perl nor python3",
        hint: 'Set "cache": false for steps that generate keys.',
      });
    }
    for (const [position, step] of template.steps.slice(0, checkpoint.index).entries()) {
      await rerunGuestActions(context, step, position + 1, guest);
    }
    const saver = createCheckpointSaver(start, machine);
    await saver?.measureDisk();
    return readyMachine({
      machine,
      guest,
      keys,
      from: checkpoint,
      saver,
      restored: checkpointsUpTo(plan, checkpoint),
    });
  } catch (thrown) {
    const error = await findRootCause(thrown, machine);
    await machine.kill();
    throw error;
  }
}

/** Returns the checkpoints up to the one that a run starts from, as far as they are recorded. */
function checkpointsUpTo({ store, decision }: RunPlan, last: Checkpoint): Checkpoint[] {
  return store.checkpoints.filter(
    ({ key, index }) => index <= last.index && decision.keys[index] === key,
  );
}

/**
 * Returns whether an error has another cause than the checkpoint, so that any other checkpoint, and
 * a boot, would fail as well: a problem of the host, or QEMU killed by a signal.
 */
function isUnrelatedToCheckpoint({ code, details }: VmbuildError): boolean {
  if (code.startsWith("HOST_") || code === "MACHINE_START") return true;
  return code === "MACHINE_DIED" && ["SIGKILL", "SIGTERM"].includes(String(details["signal"]));
}

/**
 * Tries the valid checkpoints, newest first. One that cannot be loaded is removed, with a warning.
 */
export async function resumeFromCheckpoint(start: StartInput): Promise<ReadyMachine | undefined> {
  const { context, plan } = start;
  const { emit, options } = context;
  for (const candidate of plan.decision.candidates) {
    try {
      return await resume(start, candidate);
    } catch (thrown) {
      options.signal.throwIfAborted();
      const error = asVmbuildError(thrown);
      if (isUnrelatedToCheckpoint(error)) throw error;
      const which = candidate.index === 0 ? "before the first step" : `after ${candidate.step}`;
      emit({
        type: "warning",
        message: `The checkpoint ${which} cannot be used: ${error.message}`,
      });
      // A guest that does not answer may do so next time. A snapshot that QEMU cannot load is
      // useless.
      if (error.code.startsWith("GUEST_")) continue;
      await plan.store.removeWithSnapshots([candidate.tag], options.signal);
    }
  }
  return undefined;
}

/** Starts from a shared checkpoint of a booted guest with the same base, machine and seed. */
export async function resumeFromShared(start: StartInput): Promise<ReadyMachine | undefined> {
  const { context, plan, prepared } = start;
  const { emit, options, workspace } = context;
  const [key = ""] = plan.decision.keys;
  if (!plan.limits || options.force || !context.template.seal) return undefined;
  await plan.store.clear();
  const copied = await context.wait(() =>
    keepDigest(prepared.base.path, () => copySharedCheckpoint(key, workspace.work, options.signal)),
  );
  if (!copied) return undefined;
  if ("problem" in copied) {
    emit({
      type: "note",
      message: `The shared checkpoint of a booted guest is not used: ${copied.problem}`,
    });
    return undefined;
  }
  await plan.store.adopt(copied.records);
  const [checkpoint] = copied.records.checkpoints;
  if (!checkpoint) return undefined;
  try {
    return await resume(start, checkpoint);
  } catch (thrown) {
    options.signal.throwIfAborted();
    const error = asVmbuildError(thrown);
    if (isUnrelatedToCheckpoint(error)) throw error;
    const message = `The shared checkpoint of a booted guest cannot be used: ${error.message}`;
    emit({ type: "warning", message });
    return undefined;
  }
}
