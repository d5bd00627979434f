import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import type { EventBody } from "../../../src/events/types.js";
import {
  ARCHITECTURES,
  DEFAULT_ARCHITECTURE,
} from "../../../src/machine/architectures/registry.js";
import { plugReadOnlyDisk } from "../../../src/machine/hotplug.js";
import { probeGuest } from "../../../src/machine/kvm-probe.js";
import { launchMachine } from "../../../src/machine/machine.js";
import type { RunningMachine } from "../../../src/machine/running-machine.js";
import { qemuVersion } from "../../../src/machine/qemu-version.js";
import { quitMachine, stopMachine } from "../../../src/machine/stop.js";
import { errorOf } from "../../support/inputs.js";
import { SMALL_SHAPE } from "../../support/machine.js";

/** Real QEMUs with an empty disk: their firmware finds nothing to boot. */
const QEMU = "qemu-system-x86_64";
let folder: string;
let events: EventBody[];
let machines: RunningMachine[];

beforeEach(async () => {
  // A comma must be doubled in QEMU's options. The path is short because of the socket.
  folder = await mkdtemp(join(tmpdir(), "vmb,m-"));
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", join(folder, "disk.qcow2"), "64M"]);
  events = [];
  machines = [];
});
afterEach(async () => {
  for (const machine of machines) await machine.kill();
  await rm(folder, { recursive: true });
});

async function launch(
  more: { binary?: string; extraArguments?: string[]; signal?: AbortSignal } = {},
): Promise<RunningMachine> {
  const machine = await launchMachine({
    shape: {
      ...SMALL_SHAPE,
      name: "an, odd name",
      binary: more.binary ?? QEMU,
      extraArguments: more.extraArguments ?? [],
    },
    files: {
      disk: join(folder, "disk.qcow2"),
      readOnlyDisks: [],
      console: join(folder, "console.log"),
    },
    runtimeFolder: folder,
    runId: "run",
    log: join(folder, "qemu.log"),
    emit: (event) => events.push(event),
    signal: more.signal ?? new AbortController().signal,
  });
  machines.push(machine);
  return machine;
}

const warnings = (): string[] =>
  events.flatMap((event) => (event.type === "warning" ? event.message : []));

describe("launchMachine", () => {
  it("starts a machine that answers, records its console, and leaves no socket", async () => {
    const machine = await launch();
    expect(await machine.qmp.execute("query-status")).toMatchObject({ status: "running" });
    expect(events).toContainEqual({
      type: "machine.started",
      pid: machine.pid,
      sshPort: machine.sshPort,
      accelerator: "tcg",
    });
    expect((await readdir(folder)).filter((name) => name.endsWith(".qmp"))).toEqual([]);
    const console = join(folder, "console.log");
    while (!(await readFile(console, "utf8")).includes("No bootable device")) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const listening = execFileSync("cat", ["/proc/net/tcp"], { encoding: "utf8" });
    const port = machine.sshPort.toString(16).toUpperCase().padStart(4, "0");
    expect(listening).toContain(`0100007F:${port} 00000000:0000 0A`);
  });

  it("reports QEMU's error when it does not start", async () => {
    const error = await errorOf(launch({ extraArguments: ["-device", "no-such-device"] }));
    expect(error).toMatchObject({ code: "MACHINE_START", details: { exitCode: 1 } });
    expect(error.lines.join("\n")).toContain("'no-such-device' is not a valid device model name");
    expect(await readFile(join(folder, "qemu.log"), "utf8")).toContain("no-such-device");
  });

  it("reports a missing program", async () => {
    const error = await errorOf(launch({ binary: join(folder, "no-qemu") }));
    expect(error).toMatchObject({ code: "HOST_PROGRAM_MISSING" });
  });

  it("tries another port when the first is in use", async () => {
    const binary = join(folder, "qemu");
    // Fails like QEMU, once.
    const script = `#!/bin/sh
      [ -e "${folder}/refused" ] && exec ${QEMU} "$@"
      touch "${folder}/refused"
      echo "qemu: Could not set up host forwarding rule 'tcp:127.0.0.1:1-:22'" >&2; exit 1\n`;
    await writeFile(binary, script, { mode: 0o755 });
    const machine = await launch({ binary });
    expect((await stat(join(folder, "refused"))).isFile()).toBe(true);
    expect(machine.death.aborted).toBe(false);
  });

  it("gives up after some ports", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const extraArguments = ["-netdev", `user,id=other,hostfwd=tcp:127.0.0.1:${port}-:22`];
    const error = await errorOf(launch({ extraArguments }));
    server.close();
    expect(error).toMatchObject({ code: "MACHINE_START" });
    expect(error.message).toContain("No free port on 127.0.0.1 was found in 5 attempts");
  });

  it("ends with the reason when it is cancelled", async () => {
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const cancel = new AbortController();
    const binary = join(folder, "qemu");
    await writeFile(binary, "#!/bin/sh\nexec sleep 600\n", { mode: 0o755 });
    const launching = launch({ binary, signal: cancel.signal });
    setTimeout(() => cancel.abort(reason), 100);
    await expect(launching).rejects.toBe(reason);
  });
});

describe("a machine that dies", () => {
  it("reports the signal or exit code", async () => {
    const machine = await launch();
    const died = once(machine.death, "abort");
    process.kill(machine.pid, "SIGKILL");
    await died;
    expect(machine.death.reason).toMatchObject({
      code: "MACHINE_DIED",
      message: "QEMU was terminated by SIGKILL while the build still needed it",
      details: { signal: "SIGKILL", byGuest: false },
    });
    await expect(machine.qmp.execute("query-status")).rejects.toMatchObject({
      code: "MACHINE_QMP",
    });
  });

  it("ends the unplugging of a disk", async () => {
    const machine = await launch();
    const payload = join(folder, "payload");
    await writeFile(payload, "x".repeat(1000));
    const disk = await plugReadOnlyDisk(machine, payload);
    expect(disk.serial).toMatch(/^vmb[0-9a-f]{12}$/);
    // No guest answers.
    const unplugging = errorOf(disk.unplug());
    await machine.qmp.execute("query-status");
    process.kill(machine.pid, "SIGKILL");
    expect(await unplugging).toMatchObject({ code: "MACHINE_QMP" });
  });
});

describe("stopMachine", () => {
  const deadlines = { guest: 200, quit: 10_000 };
  const { signal } = new AbortController();
  const emit = (event: EventBody): void => void events.push(event);

  it("tries graceful methods first, and reports the one that succeeded", async () => {
    const machine = await launch();
    const poweroff = (): Promise<void> => Promise.reject(new Error("no connection"));
    const { method } = await stopMachine(machine, { emit, signal, poweroff, deadlines });
    expect(method).toBe("quit");
    expect(warnings()).toEqual([
      "poweroff over SSH did not stop the machine",
      "the power button (QMP system_powerdown) did not stop the machine",
    ]);
    expect(events.at(-1)).toMatchObject({ type: "machine.stopped", method: "quit" });
    expect(machine.death.aborted).toBe(false);
  });

  it("notices that the guest powered itself off", async () => {
    const machine = await launch();
    // QEMU quits in place of the guest.
    const poweroff = async (): Promise<void> => void (await machine.qmp.execute("quit"));
    const { method } = await stopMachine(machine, { emit, signal, poweroff, deadlines });
    expect(method).toBe("ssh");
    expect(warnings()).toEqual([]);
  });

  it("distinguishes a killed QEMU from a guest that powered off", async () => {
    const machine = await launch();
    const poweroff = (): Promise<void> => {
      process.kill(machine.pid, "SIGKILL");
      return Promise.resolve();
    };
    const error = await errorOf(stopMachine(machine, { emit, signal, poweroff }));
    expect(error).toMatchObject({ code: "MACHINE_DIED", details: { signal: "SIGKILL" } });
  });

  it("stops waiting when the run is cancelled", async () => {
    const machine = await launch();
    const cancel = new AbortController();
    const reason = new VmbuildError("TERMINATED", "Asked to end");
    const poweroff = (): Promise<void> => {
      setTimeout(() => cancel.abort(reason), 50);
      return Promise.resolve();
    };
    await expect(stopMachine(machine, { emit, signal: cancel.signal, poweroff })).rejects.toBe(
      reason,
    );
    expect(await quitMachine(machine, emit)).toMatchObject({ exitCode: 0, signal: null });
  });

  it("accepts a machine that has already ended", async () => {
    const machine = await launch();
    process.kill(machine.pid, "SIGKILL");
    await machine.ended;
    expect(await quitMachine(machine, emit)).toMatchObject({ signal: "SIGKILL" });
  });
});

describe("probeGuest", () => {
  it.each(ARCHITECTURES)("runs the guest for $name to the end under emulation", async (one) => {
    const probe = { guest: one.probe, binary: one.binary, cpuModel: one.cpuModels.tcg };
    const found = await probeGuest(probe, undefined, ["-accel", "tcg"]);
    expect(found).toMatchObject({ usable: true });
  });

  it("reports QEMU's error when it refuses", async () => {
    const { probe: guest } = DEFAULT_ARCHITECTURE;
    const wrong = { guest, binary: QEMU, cpuModel: "no-such-cpu" };
    const probe = await probeGuest(wrong, undefined, ["-accel", "tcg"]);
    expect(probe.usable).toBe(false);
    expect(probe.lastLines.join("\n")).toContain("no-such-cpu");
  });
});

describe("qemuVersion", () => {
  it("reads the version from the program", async () => {
    expect((await qemuVersion(QEMU)).major).toBeGreaterThanOrEqual(6);
  });

  it.each([
    ["echo 'QEMU emulator version 4.2.1 (Debian)'", /is version 4\.2\.1/],
    ["echo 'something else'; exit 3", /--version: exit 3/],
  ])("refuses %s", async (line, message) => {
    const binary = join(folder, "qemu");
    await writeFile(binary, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
    const error = await errorOf(qemuVersion(binary));
    expect(error.code).toBe("HOST_PROGRAM_MISSING");
    expect(error.message).toMatch(message);
  });
});
