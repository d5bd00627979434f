/** From what is prepared to a guest that lets the build in: from a saved state where one holds. */
import { asVmbuildError } from "../errors.js";
import type { VmbuildError } from "../errors.js";
import { openDoor } from "../guest/door.js";
import type { Guest } from "../guest/guest.js";
import { loadKeys } from "../guest/keys.js";
import type { BuildKeys } from "../guest/keys.js";
import { wakeGuest } from "../guest/wake.js";
import type { RunningMachine } from "../machine/machine.js";
import { watchMemory } from "../machine/memory.js";
import { loadState, resumeMachine } from "../machine/snapshot.js";
import type { Checkpoint } from "../checkpoints/records.js";
import { bootMachine, connectGuest, reconnectGuest } from "./boot.js";
import { downloadAgain } from "./checkpoints/host-actions.js";
import type { RunPlan } from "./checkpoints/plan-run.js";
import { shareReady, takeReady } from "./checkpoints/ready.js";
import { Saver } from "./checkpoints/save.js";
import { phase } from "./context.js";
import type { RunContext } from "./context.js";
import type { Control } from "./control.js";
import { hostnameOf, prepareDisk } from "./disk.js";
import { planMachine } from "./plan.js";
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

function createSaver({ context, plan }: Start, machine: RunningMachine): Saver | undefined {
  const { limits, store, decision } = plan;
  if (!limits) return undefined;
  const { emit, options, workspace } = context;
  return new Saver({
    machine,
    store,
    limits,
    outputs: workspace.run.outputs,
    currentKeys: () => new Set(decision.keys),
    emit,
    signal: AbortSignal.any([options.signal, machine.death]),
  });
}

async function resume(start: Start, checkpoint: Checkpoint): Promise<Started> {
  const { context, prepared, plan, control } = start;
  const { emit, meter, workspace, template } = context;
  const { store } = plan;
  await store.markInUse();
  await store.update(checkpoint.tag, { usedAt: new Date().toISOString() });
  const keys = await loadKeys(workspace.work.keys);
  const machine = await phase(
    emit,
    "resume",
    async () => {
      const paused = await bootMachine(context, prepared, control, { paused: true });
      try {
        await meter.waitFor(() => loadState(paused, checkpoint.tag));
        await resumeMachine(paused);
        return paused;
      } catch (error) {
        await paused.kill();
        throw error;
      }
    },
    () => (checkpoint.index === 0 ? "a booted guest" : `the state after ${checkpoint.step}`),
  );
  try {
    await watchMemory(machine);
    const guest = await reconnectGuest(context, prepared, machine, keys);
    const hostname = hostnameOf(template.name);
    const { seeded } = await meter.waitFor(() => wakeGuest(guest, { hostname, restored: true }));
    if (!seeded) {
      emit({
        type: "warning",
        message:
          "The guest's random pool could not be seeded at once: it has no perl and no python3",
        hint: 'Steps that make keys should say "cache": false in such a guest.',
      });
    }
    for (const [position, step] of template.steps.slice(0, checkpoint.index).entries()) {
      await downloadAgain(context, step, position + 1, guest);
    }
    const saver = createSaver(start, machine);
    await saver?.measure();
    return started({
      machine,
      guest,
      keys,
      from: checkpoint,
      saver,
      kept: keptOf(plan, checkpoint),
    });
  } catch (error) {
    const { death } = machine;
    await machine.kill();
    throw death.aborted ? death.reason : error;
  }
}

/** The states on the way to the one that a run goes on from, as far as they are recorded. */
function keptOf({ store, decision }: RunPlan, last: Checkpoint): Checkpoint[] {
  return store.checkpoints.filter(
    ({ key, index }) => index <= last.index && decision.keys[index] === key,
  );
}

function started(parts: Omit<Started, typeof Symbol.asyncDispose>): Started {
  return {
    ...parts,
    async [Symbol.asyncDispose]() {
      await parts.machine.kill();
    },
  };
}

/** Somebody else ended QEMU, or the kernel for want of memory: no fault of the state. */
function wasKilled({ code, details }: VmbuildError): boolean {
  return code === "MACHINE_DIED" && ["SIGKILL", "SIGTERM"].includes(String(details["signal"]));
}

/** Tries the states that hold, the newest first. One that cannot be loaded is forgotten, and said. */
async function resumeFromAny(start: Start): Promise<Started | undefined> {
  const { context, plan } = start;
  const { emit, options } = context;
  for (const candidate of plan.decision.candidates) {
    try {
      return await resume(start, candidate);
    } catch (thrown) {
      options.signal.throwIfAborted();
      const error = asVmbuildError(thrown);
      if (wasKilled(error)) throw error;
      const which = candidate.index === 0 ? "before the first step" : `after ${candidate.step}`;
      emit({
        type: "warning",
        message: `The checkpoint ${which} cannot be used, and is removed: ${error.message}`,
      });
      await plan.store.removeStopped([candidate.tag], options.signal);
    }
  }
  return undefined;
}

/** Starts from a state that another build left, of a guest with the same base, machine and seed. */
async function resumeShared(start: Start): Promise<Started | undefined> {
  const { context, plan } = start;
  const { emit, options, workspace } = context;
  const [key = ""] = plan.decision.keys;
  if (!plan.limits || options.force) return undefined;
  await plan.store.forget();
  const taken = await context.meter.waitFor(() => takeReady(key, workspace.work, options.signal));
  if (!taken) return undefined;
  if ("problem" in taken) {
    emit({
      type: "note",
      message: `The shared state of a booted guest is not used: ${taken.problem}`,
    });
    return undefined;
  }
  await plan.store.adopt(taken.records);
  const [checkpoint] = taken.records.checkpoints;
  if (!checkpoint) return undefined;
  try {
    return await resume(start, checkpoint);
  } catch (thrown) {
    options.signal.throwIfAborted();
    const error = asVmbuildError(thrown);
    if (wasKilled(error)) throw error;
    const message = `The shared state of a booted guest cannot be used: ${error.message}`;
    emit({ type: "warning", message });
    return undefined;
  }
}

/** Boots the base. The guest is met afterwards, by {@link meetGuest}. */
async function bootFresh(start: Start): Promise<Started> {
  const { context, prepared, plan, control } = start;
  const { template } = context;
  await plan.store.forget();
  const keys = await prepareDisk(context, prepared);
  const { host } = prepared;
  if (plan.limits) {
    await plan.store.begin({
      root: plan.chain.root,
      machine: {
        shape: {
          ...planMachine(template, host.accelerator),
          extraArguments: [...template.machine.arguments],
        },
        qemu: host.qemu.text,
        user: template.ssh.user,
        ...(host.uefi ? { firmwareCode: host.uefi.code } : {}),
      },
    });
  }
  const machine = await bootMachine(context, prepared, control);
  const saver = createSaver(start, machine);
  return started({ machine, guest: undefined, keys, from: undefined, saver, kept: [] });
}

/** Others can do without it, and so can this build. */
async function share({ context, plan }: Start, machine: RunningMachine): Promise<void> {
  const { records } = plan.store;
  const ready = records?.checkpoints.find(({ index }) => index === 0);
  if (!records || !ready) return;
  try {
    await shareReady(context.workspace.work, records, ready, machine);
  } catch (thrown) {
    context.options.signal.throwIfAborted();
    const { message } = asVmbuildError(thrown);
    context.emit({ type: "note", message: `The booted guest's state is not shared: ${message}` });
  }
}

/**
 * Starts the machine, from the newest state that holds or from the base.
 * @throws {VmbuildError} MACHINE_START, MACHINE_DIED, HOST_SPACE.
 */
export async function startMachine(start: Start): Promise<Started> {
  return (await resumeFromAny(start)) ?? (await resumeShared(start)) ?? (await bootFresh(start));
}

/**
 * The guest of a machine that was started: of one that boots, once it answers. Its state then is
 * kept, and shared with other builds, before anything tells it apart from theirs.
 * @throws {VmbuildError} GUEST_TIMEOUT, GUEST_BOOT, GUEST_HOST_KEY, GUEST_AUTH, GUEST_CLOUD_INIT.
 */
export async function meetGuest(start: Start, started: Started): Promise<Guest> {
  if (started.guest) return started.guest;
  const { context, prepared, plan } = start;
  const { meter, template } = context;
  const { machine, keys, saver } = started;
  await watchMemory(machine);
  const guest = await connectGuest(context, prepared, machine, keys);
  await meter.waitFor(() => openDoor(guest, keys, template.ssh.user));
  const [key = ""] = plan.decision.keys;
  const ready = { index: 0, step: "", key, manifest: {}, stepMs: 0 };
  await meter.waitFor(async () => saver?.save(ready, guest));
  await meter.waitFor(() => share(start, machine));
  const hostname = hostnameOf(template.name);
  await meter.waitFor(() => wakeGuest(guest, { hostname, restored: false }));
  return guest;
}
