/** `vmbuild screen --on`: a real machine, and a real sshd with a user of its own. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openControl } from "../../../src/builds/control.js";
import type { Control } from "../../../src/builds/control.js";
import type { RunningMachine } from "../../../src/machine/running-machine.js";
import { serveScreen } from "../../../src/machine/serve-screen.js";
import { USER_ID, canStartAccounts } from "../../support/account.js";
import { startBuilder } from "../../support/builder.js";
import type { Builder } from "../../support/builder.js";
import { CLI_MAIN, makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { eventually } from "../../support/e2e.js";
import { startSmallMachine } from "../../support/machine.js";

const RUN_ID = "20260214-170400-aaaaaa";
const ON = ["--on", "ssh://builder"] as const;

describe.skipIf(!canStartAccounts)("vmbuild screen --on", () => {
  let home: CliHome;
  let builder: Builder;
  let folder: string;
  let control: Control;
  let machine: RunningMachine;
  let holder: ChildProcess;
  beforeAll(async () => {
    home = await makeCliHome();
    builder = await startBuilder();
    folder = await mkdtemp(join(tmpdir(), "vmb-s-"));
    await chmod(folder, 0o711);
    control = await openControl(join(folder, "run.ctl"));
    await chmod(control.path, 0o666);
    machine = await startSmallMachine(folder, { files: { hasScreen: true }, paused: true });
    const build = join(builder.home, ".local/state/vmbuild/builds/demo");
    const screens = join(builder.home, "screens");
    const record = { runId: RUN_ID, name: "demo", version: "1.0.0", template: "/t/demo.json" };
    const times = { pid: 1, startedAt: "2026-02-14T17:04:00.000Z" };
    await home.write({
      [join(build, "runs", RUN_ID, "run.json")]: {
        ...{ ...record, ...times, state: "running", control: control.path },
      },
      [join(build, "lock")]: "",
    });
    await builder.own();
    holder = spawn("flock", [join(build, "lock"), "sh", "-c", "echo held; cat"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    if (holder.stdout) await once(holder.stdout, "data");
    // The machine is that of this user; the run would be the other one's.
    const server = {
      on: (request: string, handler: () => Promise<Record<string, unknown>>) =>
        control.on(request, async () => {
          const reply = await handler();
          await execa("chown", ["-R", `${USER_ID}:${USER_ID}`, screens]);
          return reply;
        }),
    };
    serveScreen(server, machine, screens);
  });
  afterAll(async () => {
    await machine.kill();
    await control[Symbol.asyncDispose]();
    holder.stdin?.end();
    await rm(folder, { recursive: true });
    await builder[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  const env = (): Record<string, string> => ({ ...home.env, ...builder.env });
  const screen = (...args: string[]) => home.runWith(env(), "screen", ...args, ...ON);
  const isPng = async (path: string): Promise<boolean> =>
    (await readFile(path)).toString("latin1", 0, 8) === "\x89PNG\r\n\x1a\n";

  it("writes the picture to this host", async () => {
    const path = join(home.folder, "demo-screen.png");
    expect(await screen("demo")).toEqual({ exitCode: 0, stdout: path, stderr: "" });
    expect(await isPng(path)).toBe(true);
    const other = join(home.folder, "it's a $HOME/now.png");
    expect(await screen("demo", "--output", other)).toMatchObject({ stdout: other });
    expect(await isPng(other)).toBe(true);
  });

  it("refuses VNC, an unknown build, and a file that cannot be written", async () => {
    const vnc = await screen("demo", "--vnc");
    expect(vnc).toMatchObject({ exitCode: 2, stdout: "" });
    expect(vnc.stderr).toContain("ssh -L");
    const unknown = await screen("../other");
    expect(unknown).toMatchObject({ exitCode: 2, stdout: "" });
    expect(unknown.stderr).toContain("ssh://builder: This host has no build ../other");
    expect((await screen("demo", home.folder)).stderr).toContain("is a folder");
    expect(await screen("demo", "x.png", "--output", "y.png")).toMatchObject({ exitCode: 2 });
    expect(await readdir(home.folder)).not.toContain("x.png");
  });

  it("follows the screen over a lost connection, until the machine ends", async () => {
    const path = join(home.folder, "follow.png");
    const options = { cwd: home.folder, env: env(), extendEnv: false, reject: false } as const;
    const args = [CLI_MAIN, "screen", "demo", "follow.png", "--follow", ...ON];
    const following = execa(process.execPath, args, options);
    let said = "";
    following.stderr.on("data", (part: Buffer) => (said += part.toString("utf8")));
    await once(following.stdout, "data");
    const first = await readFile(path);
    await builder.loseConnections();
    await eventually(async () => said.includes("connecting again"));
    await machine.qmp.execute("cont");
    await eventually(async () => !(await readFile(path)).equals(first), 60);
    expect(await isPng(path)).toBe(true);
    await machine.kill();
    expect(await following).toMatchObject({ exitCode: 0, stdout: path });
  });
});
