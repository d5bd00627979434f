/** Starts small emulated machines for tests of the screen and the keyboard. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { launchMachine } from "../../src/machine/machine.js";
import type { LaunchOptions } from "../../src/machine/machine.js";
import type { MachineShape } from "../../src/machine/shape.js";
import type { RunningMachine } from "../../src/machine/running-machine.js";

/** Machine of tests, which differ from it in single properties. It starts at once. */
export const SMALL_SHAPE: MachineShape = {
  name: "small",
  arch: "x86_64",
  binary: "qemu-system-x86_64",
  cpus: 1,
  memory: 64 * 2 ** 20,
  accelerator: "tcg",
  cpuModel: "max",
  machineType: "q35",
  diskBus: "virtio",
  firmware: "bios",
  network: "user",
  extraArguments: [],
};

/** What a test's machine has besides an empty disk. */
export interface SmallMachineOptions {
  readonly files?: Partial<LaunchOptions["files"]>;
  readonly memory?: number;
  /** Starts with the CPUs stopped. */
  readonly paused?: boolean;
}

/** What a test decides about the start of a machine. */
type TestLaunch = Pick<LaunchOptions, "shape"> & {
  /** Disk and console are those of the folder. */
  readonly files?: Partial<LaunchOptions["files"]>;
  readonly paused: boolean;
};

/** Starts a machine with `disk.qcow2` of a folder. Its console is `console.log` there. */
export function launchIn(
  folder: string,
  { shape, files = {}, paused }: TestLaunch,
): Promise<RunningMachine> {
  return launchMachine({
    shape,
    files: {
      ...{ disk: join(folder, "disk.qcow2"), readOnlyDisks: [] },
      ...{ console: join(folder, "console.log"), ...files },
    },
    runtimeFolder: folder,
    runId: "small",
    log: join(folder, "qemu.log"),
    emit: () => {},
    signal: new AbortController().signal,
    paused,
  });
}

/** Starts a machine with an empty disk. Its console is `console.log` in the folder. */
export async function startSmallMachine(
  folder: string,
  { files = {}, memory = SMALL_SHAPE.memory, paused = false }: SmallMachineOptions = {},
): Promise<RunningMachine> {
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", join(folder, "disk.qcow2"), "64M"]);
  return launchIn(folder, { shape: { ...SMALL_SHAPE, memory, cpuModel: "qemu64" }, files, paused });
}
