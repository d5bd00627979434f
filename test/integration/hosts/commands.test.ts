/** Commands with `--on`: errors as JSON, signals, quoting, what an installation leaves. */
import { mkdir, readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canStartAccounts } from "../../support/account.js";
import { startBuilder } from "../../support/builder.js";
import type { Builder } from "../../support/builder.js";
import { CLI_MAIN } from "../../support/cli.js";
import type { CliResult } from "../../support/cli.js";
import { createSlowBuild } from "../../support/detached-runs.js";
import type { SlowBuild } from "../../support/detached-runs.js";

const ON = ["--on", "ssh://builder"] as const;
/** Time for a test that starts many processes of vmbuild. Milliseconds. */
const SLOW_MS = 300_000;

describe.skipIf(!canStartAccounts)("commands with --on", () => {
  let slow: SlowBuild;
  let builder: Builder;
  beforeAll(async () => {
    slow = await createSlowBuild();
    builder = await startBuilder();
  });
  afterAll(async () => {
    await builder[Symbol.asyncDispose]();
    await slow[Symbol.asyncDispose]();
  });

  const env = (): Record<string, string> => ({ ...slow.home.env, ...builder.env });
  const vmbuild = (...args: string[]): Promise<CliResult> => slow.home.runWith(env(), ...args);

  it(
    "report errors on stdout with --json, of the connection and of the other host",
    async () => {
      const code = ({ stdout }: CliResult): unknown =>
        (JSON.parse(stdout) as { error: { code: string } }).error.code;
      for (const words of [
        ["wait", "none"],
        ["destroy", ".."],
        ["fetch", "none", "--output", "x"],
      ]) {
        const unknown = await vmbuild(...words, "--json", ...ON);
        expect({ ...unknown, code: code(unknown) }).toMatchObject({
          exitCode: 2,
          code: "BUILD_UNKNOWN",
        });
        expect(unknown.stderr).toContain("[BUILD_UNKNOWN]");
      }
      const nowhere = ["--json", "--on", "ssh://127.0.0.1:1"];
      for (const words of [["list"], ["run", "slow.json"], ["fetch", "none", "--output", "x"]]) {
        const unreachable = await vmbuild(...words, ...nowhere);
        expect(unreachable.exitCode).toBe(3);
        expect(code(unreachable)).toBe("REMOTE_UNREACHABLE");
      }
    },
    SLOW_MS,
  );

  it(
    "work in folders whose names have spaces and characters of shells",
    async () => {
      const { home } = slow;
      const odd = 'it\'s a \\$HOME `x`; & "y"';
      const template = `${odd}/slow.json`;
      const text = await readFile(join(home.folder, "slow.json"), "utf8");
      const original = JSON.parse(text) as object;
      await home.write({
        [template]: {
          ...original,
          base: { path: "../base.qcow2" },
          steps: [{ name: "one", actions: [{ script: `${odd}.sh` }] }],
        },
        [`${odd}/${odd}.sh`]: "#!/bin/sh\n",
      });
      const main = join(builder.home, odd, "versions");
      await mkdir(dirname(main), { recursive: true });
      await execa("cp", ["-a", join(builder.folder, "versions"), main]);
      await builder.own();
      const on = ["--on", `ssh://builder/~/${encodeURIComponent(odd)}`];
      const run = await vmbuild("run", template, "--detach", ...on);
      expect({ exitCode: run.exitCode, stderr: run.stderr }).toMatchObject({ exitCode: 0 });
      const sent = join(builder.home, odd, "bundles/slow/files", home.folder, odd);
      expect((await readdir(sent)).toSorted()).toEqual([`${odd}.sh`, "slow.json"]);
      const listed = await vmbuild("list", "--json", ...on);
      expect(JSON.parse(listed.stdout)).toMatchObject({ builds: [{ name: "slow" }] });
      const destroyed = await vmbuild("destroy", "slow", "--all", "--json", ...on);
      expect(JSON.parse(destroyed.stdout)).toMatchObject({ name: "slow" });
      expect((await vmbuild("list", "--json", ...on)).stdout).toBe('{"builds":[]}');
    },
    SLOW_MS,
  );

  it(
    "watch, renew and destroy runs there, and end with the exit code of a signal",
    async () => {
      const begun = await vmbuild("run", "slow.json", "--detach", ...ON);
      expect(begun).toMatchObject({ exitCode: 0 });
      const options = { cwd: slow.home.folder, env: env(), extendEnv: false, reject: false };
      const args = [CLI_MAIN, "list", "--watch", "--json", ...ON];
      const watching = execa(process.execPath, args, options);
      let seen = "";
      const expires = new Promise<void>((resolve) => {
        watching.stdout.on("data", (part: Buffer) => {
          seen += part.toString("utf8");
          if (/"expiresAt":"20/.test(seen)) resolve();
        });
      });
      const renewed = await vmbuild("renew", "slow", "2h", ...ON);
      expect(renewed.exitCode).toBe(0);
      expect(renewed.stdout).toMatch(/^20\d\d-/);
      await expires;
      watching.kill("SIGINT");
      expect((await watching).exitCode).toBe(130);
      const destroyed = await vmbuild("destroy", "slow", "--json", ...ON);
      expect(destroyed.exitCode).toBe(0);
      expect(JSON.parse(destroyed.stdout)).toMatchObject({ name: "slow" });
      expect((await vmbuild("list", "--json", ...ON)).stdout).toBe('{"builds":[]}');
    },
    SLOW_MS,
  );

  it(
    "remove what interrupted installations have left",
    async () => {
      await rm(builder.installed);
      // npm fails at once without a registry.
      const lines = ["registry=http://127.0.0.1:9/", "fetch-retries=0", "offline=true"];
      await writeFile(join(builder.home, ".npmrc"), lines.join("\n"));
      const versions = join(builder.folder, "versions");
      const [old, fresh] = [join(versions, ".new.aaaaaa"), join(versions, ".new.bbbbbb")];
      for (const folder of [old, fresh]) await mkdir(folder);
      await writeFile(join(old, "vmbuild.tgz"), "half");
      await builder.own();
      const before = new Date(Date.now() - 2 * 3_600_000);
      await utimes(old, before, before);
      const result = await vmbuild("run", "slow.json", "--install", "--detach", ...ON);
      expect(result).toMatchObject({ exitCode: 3, stdout: "" });
      expect(result.stderr).toContain("[REMOTE_VERSION]");
      // Another installation may be using the fresh one.
      const left = (await readdir(versions)).filter((name) => name.startsWith(".new."));
      expect(left).toEqual([".new.bbbbbb"]);
    },
    SLOW_MS,
  );
});
