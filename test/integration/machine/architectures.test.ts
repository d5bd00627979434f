/** Machines of other architectures under emulation, with their firmware and an empty disk. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ARCHITECTURES } from "../../../src/machine/architectures/registry.js";
import { waitForConsoleText } from "../../../src/machine/console-text.js";
import { copyVariables, requireUefi } from "../../../src/machine/firmware.js";
import { plugReadOnlyDisk } from "../../../src/machine/hotplug.js";
import { typeKeys } from "../../../src/machine/keys/type.js";
import { launchMachine } from "../../../src/machine/machine.js";
import type { RunningMachine } from "../../../src/machine/running-machine.js";
import { captureScreen } from "../../../src/machine/screen.js";
import { completeShape } from "../../../src/machine/shape.js";
import { loadSnapshot, resumeMachine, saveSnapshot } from "../../../src/machine/snapshot.js";

const [, ...OTHERS] = ARCHITECTURES;
/** What firmware writes to the serial console first. */
const GREETINGS = { aarch64: "UEFI firmware", riscv64: "U-Boot " };
const TAG = "vmb-test";

let folder: string;
let machine: RunningMachine | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-arch-"));
});
afterEach(async () => {
  await machine?.kill();
  await rm(folder, { recursive: true, force: true });
});

/** Starts a machine with everything that an installer gets. */
async function start(one: (typeof OTHERS)[number], paused: boolean): Promise<RunningMachine> {
  const { code } = await requireUefi(one.name);
  const plan = {
    ...{ name: "small", arch: one.name, binary: one.binary, machineType: one.machineType },
    ...{ cpus: 1, memory: 256 * 2 ** 20, cpuModel: undefined, firmware: one.firmwares[0] },
    ...({ diskBus: "virtio", network: "user", extraArguments: [] } as const),
  };
  return launchMachine({
    shape: completeShape(plan, "tcg"),
    files: {
      disk: join(folder, "disk.qcow2"),
      readOnlyDisks: [],
      cds: [join(folder, "cd.iso")],
      cdBus: "sata",
      hasScreen: true,
      firmware: { code, variables: join(folder, "efivars.fd") },
      console: join(folder, "console.log"),
    },
    runtimeFolder: folder,
    runId: "small",
    log: join(folder, "qemu.log"),
    emit: () => {},
    signal: new AbortController().signal,
    paused,
  });
}

it.each(OTHERS)("a machine for $name starts, is saved, and is restored", async (one) => {
  const { signal } = new AbortController();
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", join(folder, "disk.qcow2"), "64M"]);
  execFileSync("qemu-img", ["create", "-q", "-f", "raw", join(folder, "cd.iso"), "1M"]);
  await copyVariables(await requireUefi(one.name), join(folder, "efivars.fd"));
  machine = await start(one, false);
  const path = join(folder, "console.log");
  const wait = { path, pattern: GREETINGS[one.name], timeoutMs: 60_000, signal };
  await waitForConsoleText({ ...wait, from: 0 });
  expect((await captureScreen(machine, folder)).width).toBeGreaterThan(0);
  await typeKeys(machine, [{ kind: "key", action: "press", qcode: "a", name: "a", shift: false }], {
    ...{ signal, intervalMs: 1 },
  });
  await saveSnapshot(machine, TAG);
  await machine.kill();

  machine = await start(one, true);
  await loadSnapshot(machine, TAG);
  await resumeMachine(machine);
  const { running } = await machine.qmp.execute<{ running: boolean }>("query-status");
  expect(running).toBe(true);
  // The slot for disks exists; nothing in the guest would release one.
  expect((await plugReadOnlyDisk(machine, join(folder, "cd.iso"))).serial).toMatch(/^vmb/);
});
