/** Starts the machine from a checkpoint or from the base, and connects to its guest. */
import { asVmbuildError } from "../errors.js";
import { prepareGuest } from "../guest/rescue-sshd.js";
import { refreshGuest } from "../guest/refresh.js";
import type { RunningMachine } from "../machine/running-machine.js";
import { enableMemoryStats } from "../machine/balloon.js";
import { bootMachine, connectGuest } from "./boot.js";
import { noteLostFeatures } from "./access.js";
import { markedLines } from "../host/lines.js";
import { loadKeys } from "../seed/keys.js";
import { keepDigest } from "../inputs/digest-cache.js";
import { SETUP_WARNING } from "../seed/kind.js";
import { shareCheckpoint } from "./checkpoints/shared.js";
import { hostnameOf } from "../seed/hostname.js";
import { prepareDisk } from "./disk.js";
import { planMachine } from "../requirements/plan.js";
import { completeShape } from "../machine/shape.js";
import { resumeFromCheckpoint, resumeFromShared } from "./resume.js";
import { bootingMachine, createCheckpointSaver, readyMachine } from "./lifecycle.js";
import type { BootingMachine, ReadyMachine, StartInput } from "./lifecycle.js";

/** Boots the base. {@link connectMachine} connects to its guest. */
async function bootFromBase(start: StartInput): Promise<BootingMachine> {
  const { context, prepared, plan, control } = start;
  const { template } = context;
  await plan.store.clear();
  const keys = await prepareDisk(context, prepared);
  const { host } = prepared;
  if (plan.limits) {
    await plan.store.begin({
      root: plan.chain.root,
      machine: {
        shape: completeShape(planMachine(template), host.accelerator),
        qemu: host.qemu.text,
        user: template.ssh.user,
        sshPort: template.ssh.port,
        media: prepared.seed.media,
        ...(host.uefi ? { firmwareCode: host.uefi.code } : {}),
      },
    });
  }
  const machine = await bootMachine(context, prepared, control);
  const saver = createCheckpointSaver(start, machine);
  return bootingMachine({ machine, keys, saver });
}

/** Shares the booted guest with other builds. A failure is a note, since no build depends on it. */
async function shareBootedGuest(
  { context, plan, prepared }: StartInput,
  machine: RunningMachine,
): Promise<void> {
  const { records } = plan.store;
  const checkpoint = records?.checkpoints.find(({ index }) => index === 0);
  // An image that is not sealed retains the build's keys, which no other image may have.
  if (!records || !checkpoint || !context.template.seal) return;
  try {
    const { work } = context.workspace;
    // The shared checkpoint has a hard link to the base too.
    await keepDigest(prepared.base.path, () => shareCheckpoint(work, records, checkpoint, machine));
  } catch (thrown) {
    context.options.signal.throwIfAborted();
    const { message } = asVmbuildError(thrown);
    context.emit({
      type: "note",
      message: `The checkpoint of the booted guest is not shared: ${message}`,
    });
  }
}

/**
 * Starts the machine: from the newest valid checkpoint that can be loaded, from a shared checkpoint
 * of a booted guest, or from the base.
 * @throws {VmbuildError} MACHINE_START, MACHINE_DIED, HOST_SPACE.
 */
export async function startMachine(start: StartInput): Promise<BootingMachine | ReadyMachine> {
  return (
    (await resumeFromCheckpoint(start)) ??
    (await resumeFromShared(start)) ??
    (await bootFromBase(start))
  );
}

/**
 * Connects to the guest of a booting machine once it answers. The checkpoint is then saved and
 * shared with other builds, before the guest gets anything specific to this build.
 * @throws {VmbuildError} GUEST_TIMEOUT, GUEST_BOOT, GUEST_HOST_KEY, GUEST_AUTH, GUEST_CLOUD_INIT.
 */
export async function connectMachine(
  start: StartInput,
  started: BootingMachine | ReadyMachine,
): Promise<ReadyMachine> {
  if (started.stage === "ready") return started;
  const { context, plan, prepared } = start;
  const { template } = context;
  const { machine, keys, saver } = started;
  await enableMemoryStats(machine);
  const { login, seed } = prepared;
  const guest = await connectGuest(context, machine, { plan: login, keys, seed });
  const options = { keys, user: template.ssh.user, before: seed.setup };
  const lines = await context.wait(() => prepareGuest(guest, options));
  if (guest.capabilities) noteLostFeatures(guest.capabilities, context.emit);
  for (const message of markedLines(lines, SETUP_WARNING)) {
    context.emit({ type: "warning", message });
  }
  const [key = ""] = plan.decision.keys;
  const checkpoint = { index: 0, step: "", key, manifest: {}, stepMs: 0 };
  await context.wait(async () => saver?.save(checkpoint, guest));
  await context.wait(() => shareBootedGuest(start, machine));
  const hostname = hostnameOf(template.name);
  await context.wait(() => refreshGuest(guest, { hostname, restored: false }));
  // By now the guest's own host key is one of them, where it was learned.
  const known = await loadKeys(context.workspace.work.keys);
  return readyMachine({ machine, keys: known, saver, guest, from: undefined, restored: [] });
}
