/** Starts small emulated machines for tests of the screen and the keyboard. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { launchMachine } from "../../src/machine/machine.js";
import type { LaunchOptions } from "../../src/machine/machine.js";
import type { RunningMachine } from "../../src/machine/running-machine.js";

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
  { files = {}, memory = 64 * 2 ** 20, paused = false }: SmallMachineOptions = {},
): Promise<RunningMachine> {
  const disk = join(folder, "disk.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", disk, "64M"]);
  return launchMachine({
    shape: {
      name: "small",
      binary: "qemu-system-x86_64",
      cpus: 1,
      memory,
      accelerator: "tcg",
      cpuModel: "qemu64",
      machineType: "q35",
      diskBus: "virtio",
      firmware: "bios",
      network: "user",
      extraArguments: [],
    },
    files: { disk, readOnlyDisks: [], console: join(folder, "console.log"), ...files },
    runtimeFolder: folder,
    runId: "small",
    log: join(folder, "qemu.log"),
    emit: () => {},
    signal: new AbortController().signal,
    paused,
  });
}
