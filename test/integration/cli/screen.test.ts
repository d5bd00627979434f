/** `vmbuild screen` as a process, against a real machine and a run's real control socket. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openControl } from "../../../src/builds/control.js";
import type { Control } from "../../../src/builds/control.js";
import type { RunningMachine } from "../../../src/machine/running-machine.js";
import { serveScreen } from "../../../src/machine/serve-screen.js";
import { CLI_MAIN, makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { startSmallMachine } from "../../support/machine.js";

const RUN_ID = "20260214-170400-aaaaaa";
let home: CliHome;
let folder: string;
let control: Control;
let machine: RunningMachine | undefined;
let holder: ChildProcess | undefined;

beforeEach(async () => {
  home = await makeCliHome();
  // Short, because of the sockets.
  folder = await mkdtemp(join(tmpdir(), "vmb-s-"));
  control = await openControl(join(folder, "run.ctl"));
});
afterEach(async () => {
  await machine?.kill();
  await control[Symbol.asyncDispose]();
  if (holder && holder.exitCode === null) {
    holder.stdin?.end();
    await once(holder, "exit");
  }
  await rm(folder, { recursive: true });
  await home[Symbol.asyncDispose]();
});

const runFolder = (): string => join(home.builds, "demo/runs", RUN_ID);
const screens = (): string => join(runFolder(), "screens");

/** Records a run, and holds its lock while it is running. */
async function recordRun(state: "running" | "failed"): Promise<void> {
  await home.write({
    [join(runFolder(), "run.json")]: {
      ...{ runId: RUN_ID, name: "demo", version: "1.0.0", template: "/t/demo.json", pid: 1 },
      ...{ startedAt: "2026-02-14T17:04:00.000Z", state },
      ...(state === "running" ? { control: control.path } : {}),
    },
    [join(home.builds, "demo/lock")]: "",
  });
  if (state !== "running") return;
  const lock = join(home.builds, "demo/lock");
  holder = spawn("flock", [lock, "sh", "-c", "echo held; cat"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  if (holder.stdout) await once(holder.stdout, "data");
}

/** Starts a paused machine whose screen the run serves. */
async function startMachine(hasScreen = true): Promise<RunningMachine> {
  machine = await startSmallMachine(folder, { files: { hasScreen }, paused: true });
  serveScreen(control, machine, screens());
  return machine;
}

const isPng = async (path: string): Promise<boolean> =>
  (await readFile(path)).toString("latin1", 0, 8) === "\x89PNG\r\n\x1a\n";

describe("vmbuild screen", () => {
  it("saves a picture in the current folder, or under the given name", async () => {
    await recordRun("running");
    await startMachine();
    const path = join(home.folder, "demo-screen.png");
    expect(await home.run("screen", "demo")).toEqual({ exitCode: 0, stdout: path, stderr: "" });
    expect(await isPng(path)).toBe(true);
    const other = join(home.folder, "pictures/now.png");
    expect(await home.run("screen", "demo", "pictures/now.png")).toMatchObject({ stdout: other });
    expect(await isPng(other)).toBe(true);
    expect(await readdir(join(home.folder, "pictures"))).toEqual(["now.png"]);
    expect((await stat(screens())).mode & 0o777).toBe(0o700);
  });

  it("follows the screen until the machine ends", async () => {
    await recordRun("running");
    const started = await startMachine();
    const path = join(home.folder, "demo-screen.png");
    const following = execa(process.execPath, [CLI_MAIN, "screen", "demo", "--follow"], {
      cwd: home.folder,
      env: home.env,
      extendEnv: false,
      reject: false,
    });
    if (following.stdout) await once(following.stdout, "data");
    const first = await readFile(path);
    await started.qmp.execute("cont");
    while ((await readFile(path)).equals(first)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await isPng(path)).toBe(true);
    await started.kill();
    expect(await following).toMatchObject({ exitCode: 0, stdout: path, stderr: "" });
  });

  it("opens VNC", async () => {
    await recordRun("running");
    await startMachine();
    const { exitCode, stdout, stderr } = await home.run("screen", "demo", "--vnc");
    expect(exitCode).toBe(0);
    expect(stderr).toContain("VNC asks for no password");
    const [, port] = /^127\.0\.0\.1:(59\d\d)$/.exec(stdout) ?? [];
    const socket = connect({ host: "127.0.0.1", port: Number(port) });
    const [banner] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    expect(banner.toString("latin1")).toBe("RFB 003.008\n");
    expect(await readdir(home.folder)).toEqual([]);
  });

  it("refers to the console of a machine without a screen", async () => {
    await recordRun("running");
    await startMachine(false);
    for (const flags of [[], ["--vnc"], ["--follow"]]) {
      const { exitCode, stderr } = await home.run("screen", "demo", ...flags);
      expect(exitCode).toBe(2);
      expect(stderr).toContain("The machine of demo has no screen");
      expect(stderr).toContain("`vmbuild logs demo --console`");
    }
  });

  it("says when a run has no machine yet, or none any more", async () => {
    await recordRun("running");
    const before = await home.run("screen", "demo");
    expect(before).toMatchObject({ exitCode: 2, stdout: "" });
    expect(before.stderr).toContain("The run cannot answer");
    const started = await startMachine();
    await started.kill();
    expect((await home.run("screen", "demo", "--follow")).stderr).toContain(
      "The run cannot answer",
    );
  });

  it("names the last picture when nothing runs", async () => {
    await recordRun("failed");
    const none = await home.run("screen", "demo");
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toContain("demo is not running");
    expect(none.stderr).toContain("kept no screen");
    await mkdir(screens());
    await writeFile(join(screens(), "002.png"), "");
    const kept = await home.run("screen", "demo", "--vnc");
    expect(kept.exitCode).toBe(2);
    expect(kept.stderr.replaceAll(/\s+/g, " ")).toContain("The last screen of its last run is");
    expect(kept.stderr.replaceAll(/\s+/g, "")).toContain(join(screens(), "002.png"));
  });

  it("refuses an unknown build, and a file that cannot be written", async () => {
    const unknown = await home.run("screen", "other");
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain("This host has no build other");
    await recordRun("running");
    await startMachine();
    expect((await home.run("screen", "demo", home.folder)).stderr).toContain("is a folder");
    expect(await home.run("screen", "demo", "x.png", "--vnc")).toMatchObject({ exitCode: 2 });
  });
});
