/** `vmbuild boot --on`: a real machine on another host, which a real sshd stands for. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../../../src/machine/ports.js";
import { USER_ID, canStartAccounts } from "../../support/account.js";
import { startBuilder } from "../../support/builder.js";
import type { Builder } from "../../support/builder.js";
import { CLI_MAIN, makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { eventually } from "../../support/e2e.js";

const ON = ["--on", "ssh://builder"] as const;
/** Time for a test that starts several processes of vmbuild beside a machine. Milliseconds. */
const SLOW_MS = 240_000;

/** Returns the command lines of the machines that the user runs. */
async function machines(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const read = (file: string): Promise<string> =>
      readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
    const words = (await read("cmdline")).split("\0");
    if (!words[0]?.endsWith("qemu-system-x86_64") || !words.includes("-name")) continue;
    if ((await read("status")).includes(`Uid:\t${USER_ID}\t`)) found.push(words.join(" "));
  }
  return found;
}

describe.skipIf(!canStartAccounts)("vmbuild boot --on", () => {
  let home: CliHome;
  let builder: Builder;
  beforeAll(async () => {
    home = await makeCliHome();
    builder = await startBuilder();
    // The machine starts from an empty disk, so that it stays where it is.
    const empty = join(home.folder, "empty.qcow2");
    await execa("qemu-img", ["create", "-q", "-f", "qcow2", empty, "16M"]);
    const template = join(builder.home, "it's a $HOME/demo.json");
    await builder.writeImage("demo", await readFile(empty), { template });
    await home.write({
      [template]: {
        ...{ name: "demo", version: "${var.version}", base: { path: "none.qcow2" } },
        variables: { version: {} },
        machine: { cpus: 1, memory: "64M", accelerator: "tcg" },
      },
    });
    await builder.own();
  });
  afterAll(async () => {
    await builder[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  const env = () => ({ ...home.env, ...builder.env, VMBUILD_VAR_version: "1.0.0" });
  const start = (...args: string[]) =>
    execa(process.execPath, [CLI_MAIN, "boot", "demo", ...args, ...ON], {
      ...{ cwd: home.folder, env: env(), extendEnv: false, reject: false, stdin: "ignore" },
    });
  /** Waits until the machine of a command runs. */
  const untilRunning = async (booted: ReturnType<typeof start>): Promise<void> => {
    const ended = booted.then(({ exitCode, stderr }) => {
      throw new Error(`exit ${exitCode}: ${stderr}`);
    });
    await Promise.race([eventually(async () => (await machines()).length === 1), ended]);
    ended.catch(() => {});
  };
  const isOver = async (): Promise<boolean> => (await machines()).length === 0;

  it(
    "starts the image there, and ends it with this command",
    async () => {
      const port = await findFreePort();
      const booted = start("--forward", `${port}:80`);
      await untilRunning(booted);
      expect((await machines())[0]).toMatch(/hostfwd=tcp:127\.0\.0\.1:\d+-:80/);
      const second = await start("--forward", `${port}:80`);
      expect(second.stderr).toContain(`Port ${port} of 127.0.0.1 is in use`);
      booted.kill("SIGINT");
      const { exitCode, stderr } = await booted;
      expect(exitCode).toBe(130);
      expect(stderr).toContain(`127.0.0.1:${port} leads to port 80 of the guest on ssh://builder`);
      await eventually(isOver);
    },
    SLOW_MS,
  );

  it(
    "ends the guest when the caller is killed",
    async () => {
      const killed = start();
      await untilRunning(killed);
      killed.kill("SIGKILL");
      await eventually(isOver);
      expect((await killed).signal).toBe("SIGKILL");
    },
    SLOW_MS,
  );

  it(
    "ends the guest when the connection is lost",
    async () => {
      const lost = start();
      await untilRunning(lost);
      await builder.loseConnections();
      const { exitCode, stderr } = await lost;
      expect(exitCode).toBe(3);
      expect(stderr).toContain("[REMOTE_UNREACHABLE]");
      await eventually(isOver);
    },
    SLOW_MS,
  );

  it(
    "says what is missing, before anything is started",
    async () => {
      const run = (...args: string[]) => home.runWith(env(), "boot", ...args, ...ON);
      const unknown = await run("other", "--log-format", "json");
      expect(unknown).toMatchObject({ exitCode: 2, stdout: "" });
      expect(JSON.parse(unknown.stderr)).toMatchObject({ error: { code: "BUILD_UNKNOWN" } });
      const file = await run("demo", "--var-file", "values.json");
      expect(file).toMatchObject({ exitCode: 2 });
      expect(file.stderr).toContain("was not sent with the last run of demo");
      const console = await run("demo", "--console", "file");
      expect(console).toMatchObject({ exitCode: 2 });
      expect(console.stderr).toContain("--console cannot be used with --on");
      expect((await run("demo", "--forward", "80")).stderr).toContain("use HOST:GUEST");
      expect(await machines()).toEqual([]);
    },
    SLOW_MS,
  );
});
