/** From what is prepared to a guest that lets the build in: from a saved state where one holds. */
import { asVmbuildError } from "../errors.js";
import { openDoor } from "../guest/door.js";
import type { Guest } from "../guest/guest.js";
import { wakeGuest } from "../guest/wake.js";
import type { RunningMachine } from "../machine/machine.js";
import { watchMemory } from "../machine/memory.js";
import { bootMachine, connectGuest } from "./boot.js";
import { shareReady } from "./checkpoints/shared.js";
import { hostnameOf } from "../seed/hostname.js";
import { prepareDisk } from "./disk.js";
import { planMachine } from "../requirements/plan.js";
import { resumeFromAny, resumeShared } from "./resume.js";
import { createSaver, started } from "./started.js";
import type { Start, Started } from "./started.js";

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
  // An image that is not sealed keeps the keys of its build: no other may have the same.
  if (!records || !ready || !context.template.seal) return;
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
