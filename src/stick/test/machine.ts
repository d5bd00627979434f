/** Starts a machine with a stick and the disk that it installs, or with that disk alone. */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Emit } from "../../events/types.js";
import { runtimeFolder } from "../../host/paths.js";
import { x8664 } from "../../machine/architectures/x86-64.js";
import { copyVariables, requireUefi } from "../../machine/firmware.js";
import { launchMachine } from "../../machine/machine.js";
import type { RunningMachine } from "../../machine/running-machine.js";
import { completeShape } from "../../machine/shape.js";
import type { Accelerator, MachinePlan } from "../../machine/shape.js";
import type { StickFirmware, TargetBus } from "./matrix.js";

/** Machine in which a stick is tested, without its disks. Sizes are bytes. */
export interface StickMachine {
  /** Shown by `ps`. */
  readonly name: string;
  readonly memory: number;
  readonly cpus: number;
}

/** Returns the plan of a machine. Pure. */
export function planStickMachine(
  { name, memory, cpus }: StickMachine,
  firmware: StickFirmware,
  diskBus: TargetBus = "virtio",
): MachinePlan {
  return {
    name,
    arch: x8664.name,
    binary: x8664.binary,
    cpus,
    memory,
    cpuModel: undefined,
    machineType: x8664.machineType,
    firmware: firmware === "bios" ? "bios" : "uefi",
    secureBoot: firmware === "secure-boot",
    diskBus,
    // A system that has just been installed must not reach the network of this host.
    network: "isolated",
    extraArguments: [],
  };
}

/** Returns QEMU's arguments for a stick, which the firmware tries before the disk. Pure. */
export function stickArguments(overlay: string): readonly string[] {
  const node = {
    driver: "qcow2",
    "node-name": "stick",
    cache: { "no-flush": true },
    file: { driver: "file", filename: overlay, cache: { "no-flush": true } },
  };
  return [
    ...["-device", "qemu-xhci,id=usb"],
    ...["-blockdev", JSON.stringify(node)],
    ...["-device", "usb-storage,bus=usb.0,drive=stick,removable=on,bootindex=0"],
  ];
}

/** One start of a machine. Paths are absolute. */
export interface StickStart {
  readonly machine: StickMachine;
  readonly accelerator: Accelerator;
  readonly firmware: StickFirmware;
  readonly target: TargetBus;
  /** Disk of the machine, qcow2. */
  readonly disk: string;
  /** Overlay of the stick's image, qcow2; undefined for a machine with its disk alone. */
  readonly stick: string | undefined;
  /** Folder for the console and QEMU's output; it is created if missing. */
  readonly folder: string;
  /** Name of this start, by which its files are named. */
  readonly label: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Started machine. */
export interface StartedMachine {
  readonly machine: RunningMachine;
  /** Path of the serial console's log. */
  readonly console: string;
}

/**
 * Starts the machine. One with a stick ends where its guest restarts, as the installer does at its
 * end. UEFI starts without any variables, as in a new machine.
 * @throws {VmbuildError} of the machine; HOST_PROGRAM_MISSING without firmware.
 */
export async function startStickMachine(start: StickStart): Promise<StartedMachine> {
  const { folder, label, firmware, target, stick, accelerator, emit, signal } = start;
  await mkdir(folder, { recursive: true });
  const plan = planStickMachine(start.machine, firmware, target);
  const uefi = await requireUefi(plan);
  const variables = join(folder, `${label}.efivars.fd`);
  if (uefi) await copyVariables(uefi, variables);
  const console = join(folder, `${label}.console.log`);
  const shape = completeShape(
    { ...plan, extraArguments: stick === undefined ? [] : stickArguments(stick) },
    accelerator,
  );
  const machine = await launchMachine({
    shape,
    files: {
      disk: start.disk,
      readOnlyDisks: [],
      hasScreen: true,
      endsAtRestart: stick !== undefined,
      console,
      ...(uefi ? { firmware: { code: uefi.code, variables } } : {}),
    },
    runtimeFolder: await runtimeFolder(),
    runId: `stick-${randomBytes(4).toString("hex")}`,
    log: join(folder, `${label}.qemu.log`),
    emit,
    signal,
  });
  return { machine, console };
}
