/** Machines with a TPM and further disks, in real QEMUs without a guest. */
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DISK_BUSES } from "../../../src/machine/disk-bus.js";
import { DISPLAYS } from "../../../src/machine/display.js";
import { imageInfo } from "../../../src/machine/disk.js";
import { launchMachine } from "../../../src/machine/machine.js";
import { NETWORK_MODELS, defaultMac } from "../../../src/machine/networks.js";
import type { RunningMachine } from "../../../src/machine/running-machine.js";
import type { MachineShape } from "../../../src/machine/shape.js";
import { deleteSnapshot, loadSnapshot, saveSnapshot } from "../../../src/machine/snapshot.js";
import { SMALL_SHAPE } from "../../support/machine.js";

let folder: string;
let machines: RunningMachine[];

beforeEach(async () => {
  // swtpm's options cannot contain commas.
  folder = await mkdtemp(join(tmpdir(), "vmb,d-"));
  machines = [];
  await mkdir(join(folder, "disks"));
  const disks = ["disk.qcow2", "disks/data.qcow2"].map((name) => join(folder, name));
  for (const disk of disks) execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", disk, "64M"]);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const machine of machines) await machine.kill();
  await rm(folder, { recursive: true });
});

async function launch(shape: Partial<MachineShape>, paused = false): Promise<RunningMachine> {
  const machine = await launchMachine({
    shape: { ...SMALL_SHAPE, ...shape },
    files: {
      disk: join(folder, "disk.qcow2"),
      disksFolder: join(folder, "disks"),
      readOnlyDisks: [],
      console: join(folder, "console.log"),
    },
    runtimeFolder: folder,
    runId: "run",
    log: join(folder, "qemu.log"),
    emit: () => {},
    signal: new AbortController().signal,
    paused,
  });
  machines.push(machine);
  return machine;
}

const tagsOf = async (name: string): Promise<string[]> =>
  (await imageInfo(join(folder, name))).snapshots.map(({ tag }) => tag);

it("saves and loads snapshots of a machine with a TPM in all its disks", async () => {
  const shape = { tpm: true, disks: [{ name: "data", bus: "virtio" as const }] };
  const first = await launch(shape);
  expect(await first.qmp.execute("query-tpm")).toMatchObject([{ model: "tpm-crb" }]);
  await saveSnapshot(first, "one");
  await saveSnapshot(first, "two");
  await deleteSnapshot(first, "one");
  await first.kill();
  expect(await tagsOf("disk.qcow2")).toEqual(["two"]);
  expect(await tagsOf("disks/data.qcow2")).toEqual(["two"]);
  const second = await launch(shape, true);
  await loadSnapshot(second, "two");
});

it("hands the content of the TPM to the one that loads a snapshot", async () => {
  // Each new TPM has random seeds in its permanent state.
  const permanent = (): Promise<Buffer> => readFile(join(folder, "run.tpmstate/tpm2-00.permall"));
  const first = await launch({ tpm: true }, true);
  await saveSnapshot(first, "one");
  const saved = await permanent();
  await first.kill();
  const second = await launch({ tpm: true }, true);
  expect((await permanent()).equals(saved)).toBe(false);
  await loadSnapshot(second, "one");
  expect((await permanent()).equals(saved)).toBe(true);
});

it.each(["q35", "pc"])(
  "starts a machine of the type %s with every bus, model and display",
  async (machineType) => {
    const buses = DISK_BUSES.map((bus) => ({ name: `on-${bus}`, bus }));
    for (const { name } of buses) {
      const path = join(folder, "disks", `${name}.qcow2`);
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, "64M"]);
    }
    const networks = NETWORK_MODELS.map((model, index) => ({
      kind: index === 1 ? ("isolated" as const) : ("user" as const),
      model,
      mac: defaultMac(index),
    }));
    for (const display of DISPLAYS) {
      const shape = { machineType, disks: buses, networks, display, tpm: true };
      const machine = await launch(shape, true);
      const blocks = await machine.qmp.execute<{ qdev?: string }[]>("query-block");
      expect(blocks).toHaveLength(1 + buses.length);
      await machine.kill();
    }
  },
);

it("ends the TPM with the machine, and leaves nothing of it", async () => {
  const machine = await launch({ tpm: true });
  const pid = Number(await readFile(join(folder, "run.tpmstate/pid"), "utf8"));
  expect(await readFile(`/proc/${pid}/cmdline`, "utf8")).toContain("swtpm");
  await machine.kill();
  await expect(readFile(`/proc/${pid}/cmdline`)).rejects.toMatchObject({ code: "ENOENT" });
  expect((await readdir(folder)).filter((name) => name.includes(".tpm"))).toEqual([]);
});

it("says what swtpm printed when it does not start", async () => {
  const program = join(folder, "swtpm");
  await writeFile(program, "#!/bin/sh\necho no TPM today >&2\nexit 7\n");
  await chmod(program, 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"] ?? ""}`);
  await expect(launch({ tpm: true })).rejects.toMatchObject({
    code: "MACHINE_START",
    message: expect.stringContaining("swtpm exited with code 7") as string,
    lines: ["no TPM today"],
  });
  expect((await readdir(folder)).filter((name) => name.includes(".tpm"))).toEqual([]);
});

it("says that swtpm is missing", async () => {
  const tools = join(folder, "bin");
  await mkdir(tools);
  for (const name of ["setpriv", "qemu-system-x86_64"]) {
    const path = execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    execFileSync("ln", ["-s", path, join(tools, name)]);
  }
  vi.stubEnv("PATH", tools);
  await expect(launch({ tpm: true })).rejects.toMatchObject({
    code: "HOST_PROGRAM_MISSING",
    message: "swtpm is not installed",
  });
});
