/**
 * Real QEMUs with tiny guests that restart: one whose firmware hangs afterwards, one without
 * output.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { EventBody } from "../../../src/events/types.js";
import { launchMachine } from "../../../src/machine/machine.js";
import type { RunningMachine } from "../../../src/machine/running-machine.js";
import type { QmpEvent } from "../../../src/machine/qmp.js";
import {
  resetIfSilent,
  firmwareTimeout,
  watchRestarts,
} from "../../../src/machine/restart-watch.js";
import { flushTranslations } from "../../../src/machine/translation-cache.js";
import { SMALL_SHAPE } from "../../support/machine.js";

const QEMU = "qemu-system-x86_64";
const HOUR_MS = 3_600_000;

/**
 * Firmware in place of SeaBIOS. It counts its boots in the CMOS RAM, which outlives a reset:
 *
 *         cli
 *         mov $0x40, %al; out %al, $0x70; in $0x71, %al; inc %al; mov %al, %bl
 *         mov $0x40, %al; out %al, $0x70; mov %bl, %al; out %al, $0x71
 *         cmp $2, %bl; je 1f                            # the second boot hangs without a word
 *         mov $0x3f8, %dx; mov $'0', %al; add %bl, %al; out %al, %dx; mov $'\n', %al; out %al, %dx
 *         cmp $1, %bl; jne 1f
 *         mov $0xcf9, %dx; mov $6, %al; out %al, %dx    # the first one restarts
 *     1:  jmp 1b
 */
const HANGING_FIRMWARE =
  "fab040e670e471fec088c3b040e67088d8e67180fb027416baf803b03000d8eeb00aee80fb017506baf90cb006ee" +
  "ebfe";

/**
 * A boot sector that counts likewise. Its first boot restarts; later ones write an S to QEMU's
 * debug console (port 0xe9), which is no serial console, and halt.
 */
const SILENT_BOOT_SECTOR =
  "fab040e670e471fec088c3b040e67088d8e67180fb017509baf90cb006eef4ebfdbae900b053eeebf5";

let folder: string;
let events: EventBody[];
let machines: RunningMachine[];
let resets: QmpEvent[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-r-"));
  events = [];
  machines = [];
  resets = [];
});
afterEach(async () => {
  for (const machine of machines) await machine.kill();
  await rm(folder, { recursive: true });
});

const emit = (event: EventBody): void => void events.push(event);
const warnings = () => events.filter(({ type }) => type === "warning");
const { signal } = new AbortController();
const readText = (name: string): Promise<string> =>
  readFile(join(folder, name), "utf8").catch(() => "");

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function launch(
  extraArguments: string[],
  { timeoutMs = HOUR_MS, paused = false } = {},
): Promise<RunningMachine> {
  const disk = join(folder, "disk.qcow2");
  const raw = join(folder, "disk.raw");
  // SeaBIOS does not boot from a disk of one sector.
  const sector = Buffer.alloc(2 ** 20);
  sector.write(SILENT_BOOT_SECTOR, 0, "hex");
  sector.writeUInt16BE(0x55aa, 510);
  await writeFile(raw, sector);
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, disk]);
  const machine = await launchMachine({
    shape: { ...SMALL_SHAPE, name: "restarts", binary: QEMU, extraArguments },
    files: { disk, readOnlyDisks: [], console: join(folder, "console") },
    runtimeFolder: folder,
    runId: "run",
    log: join(folder, "qemu.log"),
    emit,
    signal,
    paused,
    firmwareTimeoutMs: timeoutMs,
  });
  machines.push(machine);
  machine.onEvent((event) => {
    if (event.event === "RESET") resets.push(event);
  });
  return machine;
}

/** Returns how often a machine has dropped its translated code. */
async function drops(machine: RunningMachine): Promise<number> {
  const line = { "command-line": "info jit" };
  const text = await machine.qmp.execute<string>("human-monitor-command", line);
  return Number(/TB flush count +(\d+)/.exec(text)?.[1]);
}

/** Starts a machine whose firmware restarts and then hangs, once `cont` is sent. */
async function launchHanging(timeoutMs?: number): Promise<RunningMachine> {
  const image = Buffer.alloc(64 * 1024, 0xf4);
  image.write(HANGING_FIRMWARE, 0, "hex");
  // The reset vector jumps to the beginning of the image.
  image.write("ea000000f0", 0xfff0, "hex");
  await writeFile(join(folder, "firmware"), image);
  return launch(["-bios", join(folder, "firmware")], { timeoutMs, paused: true });
}

it("resets a machine again whose firmware hangs after a restart, with a note", async () => {
  const machine = await launchHanging(100);
  await machine.qmp.execute("cont");
  await until(async () => (await readText("console")) === "1\n3\n");
  expect(resets.map(({ data }) => data)).toEqual([
    { guest: true, reason: "guest-reset" },
    { guest: false, reason: "host-qmp-system-reset" },
  ]);
  expect(warnings()).toEqual([
    expect.objectContaining({
      message:
        "The guest restarted, but its firmware did nothing for 100ms; resetting the machine once more",
    }),
  ]);
});

it("does not reset a guest without console output that reads its disk", async () => {
  const machine = await launch(
    [
      // With graphics, SeaBIOS writes nothing to the serial console.
      ...["-machine", "graphics=on"],
      ...["-debugcon", `file:${join(folder, "debug")}`],
    ],
    { paused: true },
  );
  const restarted = new Promise<void>((resolve) => {
    machine.onEvent(({ event }) => event === "RESET" && resolve());
  });
  await machine.qmp.execute("cont");
  await restarted;
  const wait = () => until(async () => (await readText("debug")) === "S");
  const console = join(folder, "console");
  const options = { console, emit, timeoutMs: 1, wait };
  expect(await resetIfSilent(machine, options, signal)).toBe(false);
  expect(await readText("console")).toBe("");
  expect(warnings()).toEqual([]);
});

it("does not reset a paused machine", async () => {
  const machine = await launchHanging();
  await machine.qmp.execute("cont");
  await until(async () => (await drops(machine)) === 1);
  await until(async () => !(await readdir(folder)).includes("run.gdb"));
  await machine.qmp.execute("stop");
  let waits = 0;
  const wait = async (): Promise<void> => {
    waits++;
    if (waits === 3) await machine.qmp.execute("cont");
  };
  const options = { console: join(folder, "console"), emit, timeoutMs: 1, wait };
  expect(await resetIfSilent(machine, options, signal)).toBe(true);
  expect(waits).toBe(3);
  await until(() => resets.length === 2);
});

it("stops watching when the guest has answered, and watches again after the next restart", async () => {
  const machine = await launchHanging();
  const waits: AbortSignal[] = [];
  const wait = (_: number, either: AbortSignal): Promise<never> => {
    waits.push(either);
    return new Promise((__, reject) => either.addEventListener("abort", reject));
  };
  const options = { console: join(folder, "console"), emit, timeoutMs: 1, wait };
  const answered = watchRestarts(machine, options);
  await machine.qmp.execute("cont");
  await until(() => waits.length === 1);
  answered();
  expect(waits[0]?.aborted).toBe(true);
  // A reset that the guest did not request is not watched.
  await machine.qmp.execute("system_reset");
  await until(async () => (await readText("console")) === "1\n3\n");
  expect(waits).toHaveLength(1);
  expect(warnings()).toEqual([]);
});

it("drops an emulated machine's translated code when the guest restarts, and leaves no files", async () => {
  const machine = await launchHanging();
  expect(await drops(machine)).toBe(0);
  expect(await drops(machine)).toBe(0);
  await machine.qmp.execute("cont");
  await until(async () => (await drops(machine)) === 1);
  await until(async () => !(await readdir(folder)).includes("run.gdb"));
  const chardevs = await machine.qmp.execute("query-chardev");
  expect(JSON.stringify(chardevs)).not.toContain("restart-gdb");
  expect(await machine.qmp.execute("query-status")).toMatchObject({ status: "running" });
  // It can be repeated.
  await flushTranslations(machine, join(folder, "again.gdb"));
  await until(async () => (await drops(machine)) === 2);
  expect(await machine.qmp.execute("query-status")).toMatchObject({ status: "running" });
  // The guest's state is unchanged: the next reset is followed by its third boot.
  await machine.qmp.execute("system_reset");
  await until(async () => (await readText("console")) === "1\n3\n");
});

it("resumes a guest that cannot execute the single step", async () => {
  // Halts at once, with interrupts disabled.
  await writeFile(join(folder, "firmware"), Buffer.alloc(64 * 1024, 0xf4));
  const machine = await launch(["-bios", join(folder, "firmware")]);
  const dropping = flushTranslations(machine, join(folder, "halted.gdb"), 200);
  await expect(dropping).rejects.toMatchObject({ code: "MACHINE_QMP" });
  expect(await machine.qmp.execute("query-status")).toMatchObject({ status: "running" });
  expect(await readdir(folder)).not.toContain("halted.gdb");
});

it("gives an emulated machine more time than one with KVM", () => {
  expect(firmwareTimeout("tcg")).toBeGreaterThan(firmwareTimeout("kvm"));
});
