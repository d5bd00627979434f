/** One start of a finished image on its throwaway layer: its disks, its ports, the way in. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Connection } from "../guest/connection.js";
import type { BuildKeys } from "../seed/keys.js";
import { waitUntilReady } from "../guest/readiness.js";
import { GUEST_MAC } from "../machine/argv.js";
import { readConsoleTail } from "../machine/console.js";
import { launchMachine } from "../machine/machine.js";
import type { Forward } from "../machine/machine.js";
import type { RunningMachine } from "../machine/running-machine.js";
import { isPortFree } from "../machine/ports.js";
import type { MachineFiles, MachineShape } from "../machine/shape.js";
import { contextAddress, contextVariables, writeContextDisk } from "../seed/context.js";
import type { ContextVariables } from "../seed/context.js";
import { writeSeed } from "../seed/nocloud.js";
import { hostnameOf } from "../seed/hostname.js";

/** What one start of the machine is given. */
export interface StartOptions {
  /** A NoCloud disk, which lets root in by the layer's key. */
  readonly seed: boolean;
  /** An OpenNebula CONTEXT disk with these values over the defaults. */
  readonly context?: ContextVariables | undefined;
  readonly forwards: readonly Forward[];
  /** Where the serial console goes; absolute. Beside the layer unless given. */
  readonly console?: string | undefined;
}

/** An image that runs. Disposing of it ends the machine; the layer stays. */
export interface BootedImage extends AsyncDisposable {
  readonly machine: RunningMachine;
  /** The file that the guest's serial console goes to. */
  readonly console: string;
  /** The ports of 127.0.0.1, by the guest's port. */
  readonly ports: ReadonlyMap<number, number>;
  /** `performance.now()` when QEMU was started. */
  readonly startedAt: number;
  /** Waits until the guest lets root in. Milliseconds. */
  connect(timeoutMs: number): Promise<Connection>;
}

/** A layer as its starts need it. */
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
 * A key that the guest made itself cannot be known beforehand: the first one is believed, since
 * the port leads to our own machine and nowhere else, and no other one after that.
 */
function trustOnFirstUse(): (key: Buffer) => boolean {
  let known: Buffer | undefined;
  return (key) => (known ??= key).equals(key);
}

async function requireFreePorts(forwards: readonly Forward[]): Promise<void> {
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
  const disks: string[] = [];
  const cds: string[] = [];
  if (seed) {
    const path = join(folder, "seed.iso");
    await writeSeed({ instanceId, hostname, user: "root", keys }, path, signal);
    disks.push(path);
  }
  if (context) {
    const path = join(folder, "context.iso");
    await writeContextDisk(context, path, signal);
    // OpenNebula's is a CD, and one-context from 7.2 on waits 90 s for a CD drive. Older packages
    // wait for nothing: a disk is there from the start, where a CD's drivers may come too late.
    disks.push(path);
    cds.push(path);
  }
  return { readOnlyDisks: disks, cds };
}

/**
 * Starts the machine on a layer.
 * @throws {VmbuildError} of the machine; USAGE for a context that cannot be.
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
      { hostname: hostnameOf(shape.name), mac: GUEST_MAC, publicKey: keys.client.public },
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
  const target = { port: machine.sshPort, user: "root", keys };
  return {
    machine,
    console,
    ports: machine.ports,
    startedAt,
    async connect(timeoutMs) {
      const connection = await waitUntilReady({
        target: options.seed ? target : { ...target, trusts: trustOnFirstUse() },
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
