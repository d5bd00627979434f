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

/** Starts a machine with an empty disk. Its console is `console.log` in the folder. */
export async function startSmallMachine(
  folder: string,
  { files = {}, memory = SMALL_SHAPE.memory, paused = false }: SmallMachineOptions = {},
): Promise<RunningMachine> {
  const disk = join(folder, "disk.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", disk, "64M"]);
  return launchMachine({
    shape: { ...SMALL_SHAPE, memory, cpuModel: "qemu64" },
    files: { disk, readOnlyDisks: [], console: join(folder, "console.log"), ...files },
    runtimeFolder: folder,
    runId: "small",
    log: join(folder, "qemu.log"),
    emit: () => {},
    signal: new AbortController().signal,
    paused,
  });
}
