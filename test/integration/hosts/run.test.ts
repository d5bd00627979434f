/** `vmbuild run --on`: a real sshd with a user of its own stands for the other host. */
import { mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
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
import { eventually } from "../../support/e2e.js";

const ON = ["--on", "ssh://builder"] as const;

describe.skipIf(!canStartAccounts)("vmbuild run --on", () => {
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

  it("runs there, goes on when the connection is lost, and passes on its end", async () => {
    const begun = await vmbuild("run", "slow.json", "--detach", ...ON);
    expect(begun).toMatchObject({ exitCode: 0 });
    expect(begun.stdout).toMatch(/^\d{8}-\d{6}-[0-9a-f]{6}$/);
    expect(begun.stderr).toContain("vmbuild attach slow --on ssh://builder");
    // Nothing runs here.
    expect(await readdir(dirname(slow.home.builds))).not.toContain("builds");
    const listed = await vmbuild("list", "--json", ...ON);
    expect(JSON.parse(listed.stdout)).toMatchObject({ builds: [{ name: "slow" }] });
    const again = await vmbuild("run", "slow.json", ...ON);
    expect(again).toMatchObject({ exitCode: 3, stdout: "" });
    expect(again.stderr).toContain("[BUILD_LOCKED]");
    expect(again.stderr).toMatch(/with\s+--on\s+ssh:\/\/builder\./);

    const options = { cwd: slow.home.folder, env: env(), extendEnv: false, reject: false } as const;
    const view = execa(process.execPath, [CLI_MAIN, "attach", "slow", ...ON], options);
    let shown = "";
    view.stderr.on("data", (part: Buffer) => (shown += part.toString("utf8")));
    await eventually(async () => shown.includes("host done"));
    await builder.loseConnections();
    await eventually(async () => shown.includes("Connecting again"));

    const stopped = await vmbuild("stop", "slow", ...ON);
    expect(stopped).toMatchObject({ exitCode: 0 });
    expect(stopped.stderr).toContain("failed TERMINATED");
    expect((await view).exitCode).toBe(143);
    expect(shown).toContain("The run was stopped by vmbuild stop");
    // Every event is shown once.
    expect(shown.split("host done")).toHaveLength(2);

    expect(await vmbuild("wait", "slow", ...ON)).toMatchObject({ exitCode: 143 });
    const logs = await vmbuild("logs", "slow", "--json", ...ON);
    expect(logs.stdout).toContain('"type":"run.failed"');
  });

  it("sends files by content, and values and files of the command line", async () => {
    const { home } = slow;
    const template = JSON.parse(await readFile(join(home.folder, "slow.json"), "utf8")) as {
      inputs: object;
    };
    const actions = [
      { script: "../scripts/setup.sh" },
      { upload: "site", to: "/" },
      { upload: "/etc/hostname", to: "/etc/motd" },
      { run: "echo ${var.word}" },
    ];
    await home.write({
      "images/slow.json": {
        ...template,
        base: { path: "../base.qcow2" },
        variables: { word: {}, token: { sensitive: true } },
        inputs: { ...template.inputs, tool: { path: "missing", env: "TOOL" } },
        steps: [{ name: "one", actions }],
      },
      "scripts/setup.sh": "#!/bin/sh\necho one\n",
      "images/site/index.html": "<p>hello</p>\n",
      "images/unused.bin": "not named",
      "values.json": { word: "from the file" },
      "tool.bin": "tool",
    });
    const variables = { ...env(), VMBUILD_VAR_token: "s3cret", TOOL: "tool.bin" };
    const run = async (): Promise<string> => {
      const args = ["run", "images/slow.json", "--var-file", "values.json", "--detach", ...ON];
      const { exitCode, stderr } = await home.runWith(variables, ...args);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      await vmbuild("stop", "slow", ...ON);
      return stderr;
    };
    const first = await run();
    expect(first).toContain("Sent ");
    expect(first).toContain("/etc/hostname is an absolute path");
    const content = join(builder.folder, "content");
    const sent = await readdir(content);
    const there = join(builder.folder, "bundles/slow/files", home.folder);
    const text = (path: string): Promise<string> => readFile(join(there, path), "utf8");
    expect(await text("scripts/setup.sh")).toContain("echo one");
    expect(await text("images/site/index.html")).toContain("hello");
    expect(await text("tool.bin")).toBe("tool");
    expect(await readdir(there)).toContain("base.qcow2");
    expect((await readdir(join(there, "images"))).toSorted()).toEqual(["site", "slow.json"]);
    // The value of the secret is in no file there.
    const found = await execa("grep", ["-rl", "s3cret", builder.home], { reject: false });
    expect(found).toMatchObject({ exitCode: 1, stdout: "" });

    const setup = join(home.folder, "scripts/setup.sh");
    await writeFile(setup, "#!/bin/sh\necho two\n", { mode: 0o755 });
    expect(await run()).toContain("Sent 19 B");
    expect(await readdir(content)).toHaveLength(sent.length + 1);
    expect(await text("scripts/setup.sh")).toContain("echo two");
  });

  it("reports an invalid template and options without an effect before it connects", async () => {
    const known = await readFile(builder.knownHosts);
    await rm(builder.knownHosts);
    const several = await vmbuild("run", "slow.json", "other.json", ...ON);
    expect(several).toMatchObject({ exitCode: 2, stdout: "" });
    expect(several.stderr).toContain("--on starts one build");
    await slow.home.write({ "bad.json": { name: "bad", version: "1.0.0", base: {} } });
    const invalid = await vmbuild("run", "bad.json", ...ON);
    expect(invalid.stderr).toContain("[TEMPLATE_INVALID]");
    const here = await vmbuild("run", "slow.json", "--fetch", "no");
    expect(here.stderr).toContain("--fetch no has an effect only on another host");
    await writeFile(builder.knownHosts, known);
  });

  it("refuses a host whose key is not known, and one where vmbuild cannot be started", async () => {
    const known = await readFile(builder.knownHosts);
    await writeFile(builder.knownHosts, "");
    const unknown = await vmbuild("run", "slow.json", ...ON);
    expect(unknown).toMatchObject({ exitCode: 3, stdout: "" });
    expect(unknown.stderr).toContain("[REMOTE_UNREACHABLE]");
    expect(unknown.stderr).toMatch(/host key verification failed/i);
    await writeFile(builder.knownHosts, known);

    await rm(builder.installed);
    for (const command of [["run", "slow.json"], ["list"]]) {
      const missing = await vmbuild(...command, ...ON);
      expect(missing).toMatchObject({ exitCode: 3, stdout: "" });
      expect(missing.stderr).toContain("[REMOTE_VERSION]");
      expect(missing.stderr).toContain("vmbuild: not found");
    }
    // Nothing is installed without --install.
    expect(await stat(builder.installed).catch(() => "missing")).toBe("missing");

    const main = join(builder.installed, "dist/bin/vmbuild.js");
    await mkdir(dirname(main), { recursive: true });
    await writeFile(main, "console.log('Your Node.js is too old.'); process.exit(3);");
    const broken = await vmbuild("attach", ...ON);
    expect(broken).toMatchObject({ exitCode: 3, stdout: "" });
    expect(broken.stderr).toContain("[REMOTE_VERSION]");
    expect(broken.stderr).toContain("Your Node.js is too old.");
  });
});
