/** A throwaway layer on a finished image: a machine that can be started on it again and again. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { readImageFiles } from "../base/image-files.js";
import type { Emit } from "../events/types.js";
import { makeBuildKeys } from "../seed/keys.js";
import { runtimeFolder } from "../host/paths.js";
import { decideAccelerator } from "../machine/accelerator.js";
import type { AcceleratorChoice } from "../machine/accelerator.js";
import { createOverlay } from "../machine/disk.js";
import { copyVariables, requireUefi } from "../machine/firmware.js";
import { qemuVersion } from "../machine/qemu-version.js";
import { completeShape } from "../machine/shape.js";
import type { MachinePlan } from "../machine/shape.js";
import { startImage } from "./start.js";
import type { BootedImage, StartableOverlay, StartOptions } from "./start.js";

/** What is started, and how. */
export interface OverlayOptions {
  /** The image; never written to. */
  readonly image: string;
  readonly machine: MachinePlan;
  readonly accelerator: AcceleratorChoice;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Disposing of it ends its machine and removes the layer. */
export interface ImageOverlay extends AsyncDisposable {
  /** Starts the machine; the one before must have ended. */
  start(options: StartOptions): Promise<BootedImage>;
}

/**
 * Makes the layer: an overlay on the image, new keys, a machine of its own.
 * @throws {VmbuildError} of the host; BASE_INVALID when the image is none.
 */
export async function openOverlay(options: OverlayOptions): Promise<ImageOverlay> {
  const { image, emit, signal } = options;
  const { binary, firmware: kind, cpuModel } = options.machine;
  const runtime = await runtimeFolder();
  const folder = await mkdtemp(join(runtime, "boot-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const [, decided, info] = await Promise.all([
      qemuVersion(binary, signal),
      decideAccelerator(options.accelerator, binary, cpuModel, signal),
      readImageFiles(image, { mayUseOtherFiles: true, signal }),
    ]);
    if (decided.fallback) {
      const { message, hint } = decided.fallback;
      emit({ type: "warning", message: `Using emulation (tcg): ${message}`, hint });
    }
    const variables = join(folder, "efivars.fd");
    const uefi = kind === "uefi" ? await requireUefi() : undefined;
    if (uefi) await copyVariables(uefi, variables);
    const disk = join(folder, "disk.qcow2");
    await createOverlay({ path: disk, backing: image, backingFormat: info.format, signal });
    const overlay: StartableOverlay = {
      emit,
      signal,
      folder,
      runtime,
      keys: makeBuildKeys(),
      shape: completeShape(options.machine, decided.accelerator),
      firmware: uefi && { code: uefi.code, variables },
      instanceId: `boot-${randomUUID()}`,
    };
    let booted: BootedImage | undefined;
    return {
      async start(startOptions) {
        booted = await startImage(overlay, startOptions);
        return booted;
      },
      async [Symbol.asyncDispose]() {
        await booted?.[Symbol.asyncDispose]();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
