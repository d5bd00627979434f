/** Opens a checkpoint outside a run. Changes are discarded unless they are saved. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import type { Checkpoint, FailedCheckpoint, CheckpointRecords } from "../../checkpoints/records.js";
import { CheckpointStore } from "../../checkpoints/store.js";
import { VmbuildError } from "../../errors.js";
import type { Emit } from "../../events/types.js";
import type { Connection } from "../../guest/connection.js";
import { readCapabilities } from "../../guest/capabilities.js";
import { findPrivilege } from "../../guest/privilege.js";
import { RESCUE_SSH_PORT } from "../../guest/rescue-sshd.js";
import { Guest } from "../../guest/guest.js";
import { loadKeys } from "../../seed/keys.js";
import { attachSeed } from "../../seed/media.js";
import { refreshGuest } from "../../guest/refresh.js";
import { hostKeyOf, loginOf } from "../access.js";
import { tryLock } from "../../host/lock.js";
import { runProgram } from "../../host/programs.js";
import { runtimeFolder } from "../../host/paths.js";
import { launchMachine } from "../../machine/machine.js";
import type { RunningMachine } from "../../machine/running-machine.js";
import { qemuVersion } from "../../machine/qemu-version.js";
import {
  deleteSnapshot,
  loadSnapshot,
  makeTag,
  resumeMachine,
  saveSnapshot,
} from "../../machine/snapshot.js";
import { quitMachine } from "../../machine/stop.js";
import { connectSsh, connectSshRestored, RESTORED_TIMEOUT_MS } from "../boot.js";
import { hostnameOf } from "../../seed/hostname.js";
import { buildPaths, lockError } from "../../builds/workspace.js";

/** Checkpoint to open, and options. */
export interface OpenCheckpointOptions {
  readonly name: string;
  /**
   * Step after which the checkpoint was saved. By default the checkpoint of a failed step, else the
   * newest.
   */
  readonly step?: string | undefined;
  /** Save the changes into the checkpoint. */
  readonly save: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Checkpoint that is open. */
export interface OpenCheckpoint {
  readonly connection: Connection;
  /** Description, such as `as it failed in step packages`. */
  readonly title: string;
}

type OpenableCheckpoint = Checkpoint | FailedCheckpoint;

function chooseCheckpoint({
  records,
  failed,
  step,
  name,
}: {
  records: CheckpointRecords;
  failed: FailedCheckpoint | undefined;
  step: string | undefined;
  name: string;
}): OpenableCheckpoint {
  const newest = records.checkpoints.toSorted((one, other) =>
    other.createdAt.localeCompare(one.createdAt),
  );
  if (step === undefined) {
    const found = failed ?? newest[0];
    if (found) return found;
  }
  const found = newest.find((checkpoint) => checkpoint.step === step);
  if (found) return found;
  const names = [...new Set(newest.map((one) => one.step).filter((one) => one !== ""))];
  throw new VmbuildError("CHECKPOINT_UNKNOWN", `${name} has no checkpoint after the step ${step}`, {
    hint:
      names.length > 0
        ? `Its checkpoints are ${names.toReversed().join(", ")}.`
        : "It has no checkpoints.",
  });
}

function describeCheckpoint(checkpoint: OpenableCheckpoint): string {
  if ("reason" in checkpoint) return `as it failed in step ${checkpoint.step}`;
  return checkpoint.step === "" ? "before the first step" : `after step ${checkpoint.step}`;
}

async function launch(
  store: CheckpointStore,
  records: CheckpointRecords,
  folder: string,
  options: OpenCheckpointOptions,
): Promise<RunningMachine> {
  const { machine } = records;
  const { paths } = store;
  const version = await qemuVersion(machine.shape.binary, options.signal);
  if (version.text !== machine.qemu) {
    throw new VmbuildError(
      "CHECKPOINT_UNUSABLE",
      `The checkpoints of ${options.name} were saved by QEMU ${machine.qemu}; this host has ${version.text}`,
      { hint: `vmbuild run ${options.name} saves new ones.` },
    );
  }
  const { firmwareCode: code } = machine;
  return launchMachine({
    shape: machine.shape,
    files: {
      disk: paths.disk,
      disksFolder: paths.disks,
      ...attachSeed(machine.media, paths.seed),
      console: join(folder, "console.log"),
      guestSshPort: machine.sshPort,
      ...(code === undefined ? {} : { firmware: { code, variables: paths.firmwareVariables } }),
    },
    runtimeFolder: await runtimeFolder(),
    runId: `ssh-${randomBytes(4).toString("hex")}`,
    log: join(folder, "qemu.log"),
    emit: options.emit,
    signal: options.signal,
    paused: true,
    forwards: [{ guest: RESCUE_SSH_PORT }],
  });
}

/** Saves the changes, replacing the checkpoint that was opened. */
async function saveChanges(
  store: CheckpointStore,
  machine: RunningMachine,
  checkpoint: OpenableCheckpoint,
  signal: AbortSignal,
): Promise<void> {
  const tag = makeTag();
  const { memoryBytes, date } = await saveSnapshot(machine, tag);
  const { exitCode } = await runProgram("sync", ["--data", ...store.disks], { signal });
  const synced = exitCode === 0;
  const saved = { tag, memoryBytes, date, synced };
  if ("reason" in checkpoint) await store.setFailed({ ...checkpoint, ...saved });
  else {
    await store.replace(checkpoint.tag, {
      ...checkpoint,
      ...saved,
      changedByHand: randomBytes(8).toString("hex"),
    });
  }
  await deleteSnapshot(machine, checkpoint.tag);
}

/**
 * Opens a checkpoint, runs `work` with it, and stops the machine. The guest writes to the current
 * content of the disk. Every run begins by loading a snapshot, which replaces that content, so
 * changes that are not saved affect no run.
 * @throws {VmbuildError} CHECKPOINT_UNKNOWN, CHECKPOINT_UNUSABLE, BUILD_LOCKED, BUILD_UNKNOWN.
 */
export async function openCheckpoint<T>(
  options: OpenCheckpointOptions,
  work: (open: OpenCheckpoint) => Promise<T>,
): Promise<T> {
  const { name, step, save, emit, signal } = options;
  const build = buildPaths(name);
  await using _lock = await tryLock(build.lock);
  if (!_lock) throw await lockError(name, build.lock);
  const { store, found } = await CheckpointStore.open(build, signal);
  for (const message of found.losses) emit({ type: "warning", message });
  const { records, failed } = store;
  if (!records) {
    throw new VmbuildError("CHECKPOINT_UNKNOWN", `${name} has no checkpoint to open`, {
      hint: `To pause a run: vmbuild run ${name} --break after:STEP`,
    });
  }
  const checkpoint = chooseCheckpoint({ records, failed, step, name });
  const folder = await mkdtemp(join(await runtimeFolder(), "ssh-"));
  try {
    await store.markInUse();
    await using machine = await launch(store, records, folder, options);
    await loadSnapshot(machine, checkpoint.tag);
    await resumeMachine(machine);
    const either = AbortSignal.any([signal, machine.death]);
    const { user } = records.machine;
    const console = join(folder, "console.log");
    const keys = await loadKeys(build.keys);
    const login = loginOf({ user }, keys);
    const hostKey = hostKeyOf({}, keys);
    const access = { machine, keys, login, hostKey, console, emit, signal: either };
    const capabilities = readCapabilities(checkpoint.guest);
    const connection = await connectSshRestored(access, RESTORED_TIMEOUT_MS, capabilities);
    const privilege = capabilities?.privilege ?? (await findPrivilege(connection, login, either));
    const guest = new Guest({
      connection,
      connect: (timeoutMs, cancel) => connectSsh(access, timeoutMs, cancel),
      slot: undefined,
      user,
      privilege,
      capabilities,
      scratchFolder: folder,
      emit,
      signal: either,
    });
    await refreshGuest(guest, { hostname: hostnameOf(name), restored: true });
    const result = await work({ connection, title: describeCheckpoint(checkpoint) });
    if (save) await saveChanges(store, machine, checkpoint, signal);
    connection.close();
    await quitMachine(machine, emit);
    return result;
  } finally {
    await store.markUnused();
    await rm(folder, { recursive: true, force: true });
  }
}
