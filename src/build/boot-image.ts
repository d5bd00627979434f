/** Starts a finished image on a throwaway layer, and lets somebody in. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Emit } from "../events/types.js";
import type { Connection } from "../guest/connection.js";
import { makeBuildKeys } from "../guest/keys.js";
import { waitUntilReady } from "../guest/readiness.js";
import { runtimeFolder } from "../host/paths.js";
import { decideAccelerator } from "../machine/accelerator.js";
import type { AcceleratorChoice } from "../machine/accelerator.js";
import { readConsoleTail } from "../machine/console.js";
import { createOverlay, imageInfo } from "../machine/disk.js";
import { copyVariables, requireUefi } from "../machine/firmware.js";
import { launchMachine } from "../machine/machine.js";
import type { RunningMachine } from "../machine/machine.js";
import { qemuVersion } from "../machine/qemu-version.js";
import { defaultCpuModel } from "../machine/shape.js";
import type { MachineFiles, MachineShape } from "../machine/shape.js";
import { writeSeed } from "../seed/nocloud.js";

/** What to start, and how. */
export interface BootImageOptions {
  /** The image; never written to. */
  readonly image: string;
  readonly shape: Omit<MachineShape, "accelerator" | "cpuModel">;
  readonly accelerator: AcceleratorChoice;
  readonly cpuModel?: string | undefined;
  readonly forwards: NonNullable<MachineFiles["forwards"]>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** A finished image that runs. Disposing of it ends it and removes the throwaway layer. */
export interface BootedImage extends AsyncDisposable {
  readonly machine: RunningMachine;
  /** The file that the guest's serial console goes to. */
  readonly console: string;
  /** Waits until the guest lets root in. Milliseconds. */
  connect(timeoutMs: number): Promise<Connection>;
}

/**
 * Starts an image as a new machine would see it: an overlay on it, a seed with new keys.
 * @throws {VmbuildError} of the machine and the host; BASE_INVALID when it is no image.
 */
export async function bootImage(options: BootImageOptions): Promise<BootedImage> {
  const { image, emit, signal, forwards } = options;
  const { binary, firmware } = options.shape;
  const runtime = await runtimeFolder();
  const folder = await mkdtemp(join(runtime, "boot-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const keys = makeBuildKeys();
    const [version, decided, info] = await Promise.all([
      qemuVersion(binary, signal),
      decideAccelerator(options.accelerator, binary, options.cpuModel, signal),
      imageInfo(image, signal),
    ]);
    if (decided.fallback) {
      const { message, hint } = decided.fallback;
      emit({ type: "warning", message: `Emulating (tcg): ${message}`, hint });
    }
    const { accelerator } = decided;
    const cpuModel = options.cpuModel ?? defaultCpuModel(accelerator);
    const shape: MachineShape = { ...options.shape, accelerator, cpuModel };
    const disk = join(folder, "disk.qcow2");
    const seed = join(folder, "seed.iso");
    const console = join(folder, "console.log");
    const variables = join(folder, "efivars.fd");
    const uefi = firmware === "uefi" ? await requireUefi() : undefined;
    if (uefi) await copyVariables(uefi, variables);
    await createOverlay({ path: disk, backing: image, backingFormat: info.format, signal });
    const identity = {
      instanceId: `boot-${randomUUID()}`,
      hostname: shape.name,
      user: "root",
      keys,
    };
    await writeSeed(identity, seed, signal);
    const machine = await launchMachine({
      shape,
      version,
      files: {
        disk,
        readOnlyDisks: [seed],
        console,
        forwards,
        ...(uefi ? { firmware: { code: uefi.code, variables } } : {}),
      },
      runtimeFolder: runtime,
      runId: randomUUID().slice(0, 8),
      log: join(folder, "qemu.log"),
      emit,
      signal,
    });
    return {
      machine,
      console,
      connect: (timeoutMs) =>
        waitUntilReady({
          target: { port: machine.sshPort, user: "root", keys },
          timeoutMs,
          emit,
          signal: AbortSignal.any([signal, machine.death]),
          readConsole: () => readConsoleTail(console),
        }),
      async [Symbol.asyncDispose]() {
        await machine.kill();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
