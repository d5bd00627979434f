/** Starts a finished image once on its temporary overlay, with its disks, ports and SSH access. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Connection } from "../guest/connection.js";
import type { BuildKeys } from "../seed/keys.js";
import { buildTarget } from "../guest/build-target.js";
import { LearnedHostKey } from "../guest/host-key.js";
import { waitUntilReady } from "../guest/readiness.js";
import { readConsoleTail } from "../machine/console.js";
import { launchMachine } from "../machine/machine.js";
import type { Forward } from "../machine/machine.js";
import { guestMac } from "../machine/networks.js";
import type { RunningMachine } from "../machine/running-machine.js";
import { isPortFree } from "../machine/ports.js";
import type { MachineFiles, MachineShape } from "../machine/shape.js";
import { contextAddress, contextVariables, writeContextDisk } from "../seed/context.js";
import type { ContextVariables } from "../seed/context.js";
import { CONTEXT_MEDIA, NOCLOUD_MEDIA, attachSeed } from "../seed/media.js";
import type { AttachedSeed } from "../seed/media.js";
import { writeSeed } from "../seed/nocloud.js";
import { hostnameOf } from "../seed/hostname.js";

/** Folder with the overlays of the image's further disks, below that of the image's overlay. */
export const DISKS_FOLDER = "disks";

/** Options of one start. */
export interface StartOptions {
  /** Attach a NoCloud disk that lets root log in with the overlay's key. */
  readonly seed: boolean;
  /** Attach an OpenNebula CONTEXT disk with these values in addition to the defaults. */
  readonly context?: ContextVariables | undefined;
  readonly forwards: readonly Forward[];
  /** Absolute path of the serial console's log; by default beside the overlay. */
  readonly console?: string | undefined;
}

/** Running image. Disposing of it kills the machine; the overlay remains. */
export interface BootedImage extends AsyncDisposable {
  readonly machine: RunningMachine;
  /** Path of the serial console's log. */
  readonly console: string;
  /** Ports of 127.0.0.1 by the guest's port. */
  readonly ports: ReadonlyMap<number, number>;
  /** `performance.now()` when QEMU was started. */
  readonly startedAt: number;
  /** Waits until root can log in over SSH. Milliseconds. */
  connect(timeoutMs: number): Promise<Connection>;
}

/** Data of an overlay that a start needs. */
export interface StartableOverlay {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly folder: string;
  readonly runtime: string;
  readonly keys: BuildKeys;
  readonly shape: MachineShape;
  readonly firmware: MachineFiles["firmware"];
  readonly instanceId: string;
}

/**
 * Requires that the ports of this host are free.
 * @throws {VmbuildError} MACHINE_START.
 */
export async function requireFreePorts(forwards: readonly Forward[]): Promise<void> {
  for (const { host } of forwards) {
    if (host === undefined || (await isPortFree(host))) continue;
    throw new VmbuildError("MACHINE_START", `Port ${host} of 127.0.0.1 is in use`, {
      hint: "Use another port: --forward HOST:GUEST.",
    });
  }
}

async function writeDisks(
  overlay: StartableOverlay,
  { seed, context }: StartOptions,
): Promise<Pick<MachineFiles, "readOnlyDisks" | "cds">> {
  const { folder, keys, signal, shape, instanceId } = overlay;
  const hostname = hostnameOf(shape.name);
  const attached: AttachedSeed[] = [];
  if (seed) {
    const path = join(folder, "seed.iso");
    await writeSeed({ instanceId, hostname, user: "root", keys }, path, signal);
    attached.push(attachSeed(NOCLOUD_MEDIA, path));
  }
  if (context) {
    const path = join(folder, "context.iso");
    await writeContextDisk(context, path, signal);
    attached.push(attachSeed(CONTEXT_MEDIA, path));
  }
  return {
    readOnlyDisks: attached.flatMap(({ readOnlyDisks }) => readOnlyDisks),
    cds: attached.flatMap(({ cds = [] }) => cds),
  };
}

/**
 * Starts the machine on an overlay.
 * @throws {VmbuildError} of the machine; USAGE for invalid context variables.
 */
export async function startImage(
  overlay: StartableOverlay,
  options: StartOptions,
): Promise<BootedImage> {
  const { keys, emit, signal, shape, folder } = overlay;
  await requireFreePorts(options.forwards);
  const context =
    options.context &&
    contextVariables(
      { hostname: hostnameOf(shape.name), mac: guestMac(shape), publicKey: keys.client.public },
      options.context,
    );
  const console = options.console ?? join(folder, "console.log");
  const disks = await writeDisks(overlay, { ...options, context });
  const guestAddress = context && contextAddress(context);
  const startedAt = performance.now();
  const machine = await launchMachine({
    shape,
    files: {
      ...disks,
      disk: join(folder, "disk.qcow2"),
      disksFolder: join(folder, DISKS_FOLDER),
      console,
      ...(guestAddress === undefined ? {} : { guestAddress }),
      ...(overlay.firmware ? { firmware: overlay.firmware } : {}),
    },
    forwards: options.forwards,
    runtimeFolder: overlay.runtime,
    runId: randomUUID().slice(0, 8),
    log: join(folder, "qemu.log"),
    emit,
    signal,
  });
  const own = buildTarget(machine.sshPort, "root", keys);
  // Without a seed, the image creates a host key of its own.
  const target = options.seed ? own : { ...own, hostKey: new LearnedHostKey() };
  return {
    machine,
    console,
    ports: machine.ports,
    startedAt,
    async connect(timeoutMs) {
      const connection = await waitUntilReady({
        target,
        timeoutMs,
        emit,
        signal: AbortSignal.any([signal, machine.death]),
        readConsole: () => readConsoleTail(console),
      });
      machine.guestAnswered();
      return connection;
    },
    async [Symbol.asyncDispose]() {
      await machine.kill();
    },
  };
}
