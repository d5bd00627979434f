/** Machines of other architectures under emulation, with their firmware and an empty disk. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ARCHITECTURES } from "../../../src/machine/architectures/registry.js";
import { waitForConsoleText } from "../../../src/machine/console-text.js";
import { DISK_BUSES, diskBus } from "../../../src/machine/disk-bus.js";
import { copyVariables, requireUefi } from "../../../src/machine/firmware.js";
import type { UefiFirmware } from "../../../src/machine/firmware.js";
import { plugReadOnlyDisk } from "../../../src/machine/hotplug.js";
import { typeKeys } from "../../../src/machine/keys/type.js";
import { NETWORK_MODELS, defaultMac } from "../../../src/machine/networks.js";
import type { RunningMachine } from "../../../src/machine/running-machine.js";
import { captureScreen } from "../../../src/machine/screen.js";
import { completeShape } from "../../../src/machine/shape.js";
import type { MachineShape } from "../../../src/machine/shape.js";
import { loadSnapshot, resumeMachine, saveSnapshot } from "../../../src/machine/snapshot.js";
import { launchIn } from "../../support/machine.js";

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

/** Returns the host's firmware for an architecture. */
async function firmwareOf({ name: arch }: (typeof OTHERS)[number]): Promise<UefiFirmware> {
  const found = await requireUefi({ arch, firmware: "uefi" });
  if (!found) throw new Error(`there is no firmware for ${arch}`);
  return found;
}

/** Starts a machine with everything that an installer gets. */
async function start(
  one: (typeof OTHERS)[number],
  paused: boolean,
  more: Partial<MachineShape> = {},
): Promise<RunningMachine> {
  const { code } = await firmwareOf(one);
  const plan = {
    ...{ name: "small", arch: one.name, binary: one.binary, machineType: one.machineType },
    ...{ cpus: 1, memory: 256 * 2 ** 20, cpuModel: undefined, firmware: one.firmwares[0] },
    ...({ diskBus: "virtio", network: "user", extraArguments: [] } as const),
  };
  return launchIn(folder, {
    shape: { ...completeShape(plan, "tcg"), ...more },
    files: {
      disksFolder: folder,
      cds: [join(folder, "cd.iso")],
      cdBus: "sata",
      hasScreen: true,
      firmware: { code, variables: join(folder, "efivars.fd") },
    },
    paused,
  });
}

async function createFiles(one: (typeof OTHERS)[number], disks: readonly string[] = []) {
  for (const name of ["disk", ...disks]) {
    const path = join(folder, `${name}.qcow2`);
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, "64M"]);
  }
  execFileSync("qemu-img", ["create", "-q", "-f", "raw", join(folder, "cd.iso"), "1M"]);
  await copyVariables(await firmwareOf(one), join(folder, "efivars.fd"));
}

it.each(OTHERS)("a machine for $name has every device that a template can choose", async (one) => {
  const board = one.boardOf(one.machineType);
  const buses = DISK_BUSES.filter((bus) => board.drivePorts || !diskBus(bus).takesPort);
  const disks = buses.map((bus) => ({ name: `on-${bus}`, bus }));
  await createFiles(
    one,
    disks.map(({ name }) => name),
  );
  const networks = NETWORK_MODELS.map((model, index) => ({
    ...{ kind: "user" as const, model },
    mac: defaultMac(index),
  }));
  const secureBoot = board.secureBoot !== undefined;
  const shape = { disks, networks, secureBoot, tpm: true, display: "virtio" as const };
  machine = await start(one, true, shape);
  const blocks =
    await machine.qmp.execute<{ inserted?: { "node-name"?: string } }[]>("query-block");
  expect(blocks.map(({ inserted }) => inserted?.["node-name"])).toEqual(
    expect.arrayContaining(buses.map((bus) => `vmb-disk-on-${bus}`)),
  );
  expect(await machine.qmp.execute("query-tpm")).toMatchObject([{ model: "tpm-tis" }]);
});

it.each(OTHERS)("a machine for $name starts, is saved, and is restored", async (one) => {
  const { signal } = new AbortController();
  await createFiles(one);
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
