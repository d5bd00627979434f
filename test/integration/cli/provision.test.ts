import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { makeSshHome } from "../../support/ssh-home.js";
import type { SshHome } from "../../support/ssh-home.js";
import { startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

let home: CliHome;
let ssh: SshHome;
let servers: Sshd[];
beforeEach(async () => {
  [home, ssh] = [await makeCliHome(), await makeSshHome()];
  servers = [await startSshd(), await startSshd()];
  for (const [index, server] of servers.entries()) {
    await ssh.addHost(`web${index + 1}`, server);
    await ssh.addKnown(server);
  }
});
afterEach(async () => {
  for (const each of [home, ssh, ...servers]) await each[Symbol.asyncDispose]();
});

/** Writes a template whose steps wait for each other's machines and fail on the second one. */
async function writeTemplate(): Promise<void> {
  const [first, second] = servers.map(({ target }) => target.port);
  const meet = [
    `echo "$SSH_CONNECTION" | cut -d " " -f 4 >>${home.folder}/machines`,
    `for i in $(seq 300); do [ "$(sort -u ${home.folder}/machines | wc -l)" -lt 2 ] || break; sleep 0.1; done`,
    `[ "$(sort -u ${home.folder}/machines | wc -l)" = 2 ]`,
  ].join("\n");
  const fail = `case "$SSH_CONNECTION" in *" ${second}") echo "not here" >&2; exit 4 ;; *" ${first}") ;; esac`;
  await home.write({
    "demo.json": {
      name: "demo",
      base: { path: "/nowhere.qcow2" },
      steps: [
        { name: "meet", actions: [{ run: meet }] },
        { name: "differ", actions: [{ run: fail }], verify: ["true"] },
      ],
    },
  });
}

const provision = (...args: string[]) =>
  home.run("provision", "demo.json", "--ssh-config", ssh.config, "--color", "never", ...args);

describe("vmbuild provision", () => {
  it("provisions several machines at once, and reports each", async () => {
    await writeTemplate();
    const both = ["--host", "web1", "--host", "web2", "--parallel", "2"];
    const { exitCode, stdout, stderr } = await provision(...both);
    expect(exitCode).toBe(7);
    const rows = stdout.split("\n").map((line) => line.split(/ {2,}/));
    expect(rows.map(([host, result, steps]) => [host, result, steps])).toEqual([
      ["HOST", "RESULT", "STEPS"],
      ["web1", "done", "2 steps"],
      ["web2", "failed STEP_FAILED", "step differ"],
    ]);
    expect(stderr).toMatch(/demo@web1 .*step \[1\/2\] meet done/);
    expect(stderr).toMatch(/demo@web2 .*\| not here/);
    expect(stderr).toContain("demo@web1 0.0.0 provisioned in ");
    expect(stderr).toContain("demo@web2 failed after ");

    const list = JSON.parse((await home.run("list", "--json")).stdout) as { builds: object[] };
    expect(list.builds).toMatchObject([
      { name: "demo@web1", state: "done" },
      { name: "demo@web2", state: "failed", outcome: "STEP_FAILED" },
    ]);
    const logs = await home.run("logs", "demo@web2", "--step", "differ");
    expect(logs.stdout).toContain("not here");
    const shell = await home.run("ssh", "demo@web1");
    expect([shell.exitCode, shell.stderr]).toEqual([2, expect.stringContaining("Log in with ssh")]);
    expect((await home.run("logs", "demo@web1")).stdout).toContain("step [2/2] differ done");
  });

  it("prints results as JSON", async () => {
    await writeTemplate();
    const steps = ["--steps", "differ", "--skip-satisfied", "--json"];
    const one = await provision("--host", "web1", ...steps);
    expect(JSON.parse(one.stdout)).toMatchObject({
      name: "demo",
      host: "web1",
      steps: [{ name: "differ", skipped: "verify" }],
    });
    await rm(ssh.knownHosts);
    const two = await provision("--host", "web1", "--host", "web2", ...steps);
    expect(two.exitCode).toBe(6);
    expect(JSON.parse(two.stdout)).toMatchObject({
      results: [
        { host: "web1", error: { code: "GUEST_HOST_KEY", exit: 6 } },
        { host: "web2", error: { code: "GUEST_HOST_KEY" } },
      ],
    });
  });

  it("verifies machines without changing them", async () => {
    await writeTemplate();
    const { exitCode, stderr } = await provision("--host", "web2", "--verify-only");
    expect(exitCode).toBe(0);
    expect(stderr).toContain("demo@web2 0.0.0 verified in ");
    await expect(readFile(join(home.folder, "machines"))).rejects.toThrow("ENOENT");
  });

  it("rejects what it cannot mean before it connects", async () => {
    await writeTemplate();
    const cases: [string[], string][] = [
      [["--host", "web1", "--host", "me@WEB1"], "names the same machine twice"],
      [["--host", "web1:99999"], "a port that is not a number"],
      [["--host", "web1", "--steps", "meet,none"], "--steps none: demo has no such step"],
      [["--host", "web1", "--wait", "5"], "--wait 5 is not a valid duration"],
      [["--host", "web1", "--password-env", "NOT_SET"], "NOT_SET is not set"],
      [["--host", "web1", "--verify-only", "--skip-satisfied"], "cannot be used with"],
      [[], "required option '--host"],
    ];
    const ends = await Promise.all(cases.map(([args]) => provision(...args)));
    expect(ends.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual(
      cases.map(([, message]): unknown[] => [2, expect.stringContaining(message)]),
    );
  });
});
