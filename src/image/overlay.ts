/**
 * Creates a temporary overlay on a finished image, on which a machine can be started repeatedly.
 */
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { readImageFiles } from "../base/image-files.js";
import type { Emit } from "../events/types.js";
import { makeBuildKeys } from "../seed/keys.js";
import { runtimeFolder } from "../host/paths.js";
import { decideAccelerator } from "../machine/accelerator.js";
import type { AcceleratorChoice } from "../machine/accelerator.js";
import { createOverlay } from "../machine/disk.js";
import { extraDiskPath } from "../machine/extra-disks.js";
import type { ExtraDisk } from "../machine/extra-disks.js";
import { copyVariables, requireUefi } from "../machine/firmware.js";
import { qemuVersion } from "../machine/qemu-version.js";
import { completeShape } from "../machine/shape.js";
import type { MachinePlan } from "../machine/shape.js";
import { DISKS_FOLDER, startImage } from "./start.js";
import type { BootedImage, StartableOverlay, StartOptions } from "./start.js";

/** Image, machine and options. */
export interface OverlayOptions {
  /** Path of the image, which is never written to. */
  readonly image: string;
  /** Paths of the images of further disks, by name. The machine has no other further disks. */
  readonly disks?: ReadonlyMap<string, string>;
  readonly machine: MachinePlan;
  readonly accelerator: AcceleratorChoice;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Temporary overlay. Disposing of it kills its machine and removes its files. */
export interface ImageOverlay extends AsyncDisposable {
  /** Starts the machine. The previous one must have ended. */
  start(options: StartOptions): Promise<BootedImage>;
}

/** Creates overlays on the images of further disks. Returns the disks. */
async function openDisks(
  { machine, disks: images = new Map<string, string>(), signal }: OverlayOptions,
  folder: string,
): Promise<ExtraDisk[]> {
  const found = (machine.disks ?? []).filter(({ name }) => images.has(name));
  if (found.length > 0) await mkdir(folder, { mode: 0o700 });
  for (const { name } of found) {
    const backing = images.get(name) ?? "";
    const { format } = await readImageFiles(backing, { mayUseOtherFiles: true, signal });
    const path = extraDiskPath(folder, name);
    await createOverlay({ path, backing, backingFormat: format, signal });
  }
  return found;
}

/**
 * Creates an overlay on the image, with new keys.
 * @throws {VmbuildError} of the host; BASE_INVALID when it is not a disk image.
 */
export async function openOverlay(options: OverlayOptions): Promise<ImageOverlay> {
  const { image, emit, signal } = options;
  const { binary } = options.machine;
  const runtime = await runtimeFolder();
  const folder = await mkdtemp(join(runtime, "boot-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const [, decided, info] = await Promise.all([
      qemuVersion(binary, signal),
      decideAccelerator(options.accelerator, options.machine, signal),
      readImageFiles(image, { mayUseOtherFiles: true, signal }),
    ]);
    if (decided.fallback) {
      const { message, hint } = decided.fallback;
      emit({ type: "warning", message: `Using emulation (tcg): ${message}`, hint });
    }
    const variables = join(folder, "efivars.fd");
    const uefi = await requireUefi(options.machine);
    if (uefi) await copyVariables(uefi, variables);
    const disk = join(folder, "disk.qcow2");
    await createOverlay({ path: disk, backing: image, backingFormat: info.format, signal });
    const disks = await openDisks(options, join(folder, DISKS_FOLDER));
    const overlay: StartableOverlay = {
      emit,
      signal,
      folder,
      runtime,
      keys: makeBuildKeys(),
      shape: completeShape({ ...options.machine, disks }, decided.accelerator),
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
