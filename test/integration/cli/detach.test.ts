/** Runs in the background, as processes: their begin, their view, their end. */
import { mkdir, readFile, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CLI_MAIN } from "../../support/cli.js";
import { createSlowBuild } from "../../support/detached-runs.js";
import type { SlowBuild } from "../../support/detached-runs.js";
import { eventually, isAlive } from "../../support/e2e.js";

let slow: SlowBuild;
beforeEach(async () => {
  slow = await createSlowBuild();
});
afterEach(() => slow[Symbol.asyncDispose]());

describe("vmbuild run --detach", () => {
  it("returns with the id of a run that goes on, and is ended by stop", async () => {
    const { home } = slow;
    const begun = await home.run("run", "slow.json", "--detach");
    expect(begun.exitCode).toBe(0);
    expect(begun.stdout).toMatch(/^\d{8}-\d{6}-[0-9a-f]{6}$/);
    expect(begun.stderr).toContain("vmbuild attach slow");
    const { pid, ...listed } = await slow.listed();
    expect(listed).toMatchObject({ state: "running", runId: begun.stdout, expiresAt: null });
    expect(await isAlive(Number(pid))).toBe(true);
    // It is the leader of a session of its own, without a terminal.
    const stat = await readFile(`/proc/${Number(pid)}/stat`, "utf8");
    const [, , , session, terminal] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    expect([Number(session), terminal]).toEqual([pid, "0"]);

    // Waiting does not end it.
    const short = await home.run("wait", begun.stdout, "--timeout", "300ms");
    expect(short.exitCode).toBe(3);
    expect(short.stderr).toContain("[RUN_IN_PROGRESS]");

    const waiting = slow.start("wait", "slow", "--json");
    const stopped = await home.run("stop", begun.stdout.slice(-6));
    expect(stopped).toMatchObject({ exitCode: 0 });
    expect(stopped.stderr).toContain("failed TERMINATED");
    const waited = await waiting;
    expect(waited.exitCode).toBe(143);
    expect(JSON.parse(waited.stdout)).toMatchObject({ outcome: "TERMINATED", exitCode: 143 });
    expect(await slow.listed()).toMatchObject({
      state: "failed",
      outcome: "TERMINATED",
      pid: null,
    });
    expect(await isAlive(Number(pid))).toBe(false);
    // A run that has ended is left as it is.
    expect((await home.run("stop", "slow")).stderr).toContain("has ended: failed TERMINATED");
  });

  it("reports what keeps the run from beginning, with its exit code", async () => {
    const { home } = slow;
    await home.write({ "bad.json": { name: "bad", version: "1.0.0", base: {} } });
    const invalid = await home.run("run", "bad.json", "--detach");
    expect(invalid).toMatchObject({ exitCode: 2, stdout: "" });
    expect(invalid.stderr).toContain("[TEMPLATE_INVALID]");

    const programs = join(home.folder, "programs");
    await mkdir(programs);
    for (const name of ["flock", "setpriv", "sh", "cat", "bash"]) {
      await symlink(`/usr/bin/${name}`, join(programs, name));
    }
    const without = await home.runWith(
      { ...home.env, PATH: programs },
      ...["run", "slow.json", "--detach"],
    );
    expect(without).toMatchObject({ exitCode: 3, stdout: "" });
    expect(without.stderr).toContain("[HOST_PROGRAM_MISSING]");
    expect(without.stderr).toContain("apt-get install qemu");
    expect(await slow.listed()).toMatchObject({ state: "failed", outcome: "HOST_PROGRAM_MISSING" });
  });

  it("reports a build that runs already, and leaves no second run", async () => {
    const { home } = slow;
    const { runId } = await slow.detach();
    const second = await home.run("run", "slow.json", "--detach");
    expect(second).toMatchObject({ exitCode: 3, stdout: "" });
    expect(second.stderr).toContain("[BUILD_LOCKED]");
    expect(second.stderr).toContain("vmbuild attach slow");
    expect(await readdir(join(home.builds, "slow/runs"))).toEqual([runId]);
  });

  it("goes on when its caller is killed before it returns", async () => {
    const caller = slow.start("run", "slow.json", "--detach");
    // The run has a record before it reports to the caller.
    await eventually(async () => (await slow.record()).state === "running", 5);
    caller.kill("SIGKILL");
    await caller;
    const { runId, pid } = await slow.record();
    expect(await isAlive(Number(pid))).toBe(true);
    const log = join(await slow.runFolder(String(runId)), "events.ndjson");
    // The file is created after the record.
    await eventually(async () =>
      (await readFile(log, "utf8").catch(() => "")).includes('"phase":"host","durationMs"'),
    );
    expect(await slow.record()).toMatchObject({ state: "running", runId, pid });
  });

  it("goes on when the terminal of its caller is closed", async () => {
    const { home } = slow;
    const words = [process.execPath, CLI_MAIN, "run", "slow.json", "--detach"].join(" ");
    // script(1) runs the shell in a session with a terminal, which ends with it.
    const terminal = await execa("script", ["-qec", `${words}; exit 5`, "/dev/null"], {
      ...{ cwd: home.folder, env: { ...home.env, TERM: "dumb" }, extendEnv: false, reject: false },
    });
    expect(terminal.exitCode).toBe(5);
    const { pid } = await slow.record();
    process.kill(Number(pid), "SIGHUP");
    expect((await home.run("wait", "slow", "--timeout", "500ms")).exitCode).toBe(3);
    expect(await slow.listed()).toMatchObject({ state: "running", pid });
  });

  it("refuses what has no meaning in the background", async () => {
    const { home } = slow;
    for (const [flags, text] of [
      [["slow.json"], "have the name slow"],
      [["--explain"], "mutually exclusive"],
      [["--grace", "5s"], "--lease-file PATH or --lease-connection"],
      [["--ttl", "0s"], "longer than zero"],
      [["--lease-file", "nowhere"], "does not exist"],
    ] as const) {
      const { exitCode, stderr } = await home.run("run", "slow.json", "--detach", ...flags);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 2 });
      expect(stderr.replaceAll(/\s+/g, " ")).toContain(text);
    }
    expect(await slow.record()).toEqual({});
  });
});

describe("vmbuild attach", () => {
  it("shows the run to two users at once, until its end", async () => {
    await slow.detach();
    const first = slow.start("attach");
    const second = slow.start("attach", "slow", "--from", "now", "--log-format", "json");
    let seen = "";
    second.stderr.on("data", (chunk: Buffer) => (seen += chunk.toString()));
    await eventually(() => Promise.resolve(seen.includes('"phase":"inputs"')), 20);
    await slow.home.run("stop", "slow");
    const [whole, rest] = await Promise.all([first, second]);
    expect([whole.exitCode, rest.exitCode]).toEqual([143, 143]);
    expect(whole.stderr).toMatch(/slow 1\.0\.0, run [\s\S]+host done[\s\S]+\[TERMINATED\]/);
    const types = rest.stderr
      .split("\n")
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types[0]).toBe("run.started");
    expect(types.at(-1)).toBe("run.failed");
    expect(rest.stderr).not.toContain('"phase":"host"');
  });

  it("is left by Ctrl-C twice, without a trace in the run", async () => {
    const { runId } = await slow.detach();
    const view = slow.start("attach", runId);
    let seen = "";
    view.stderr.on("data", (chunk: Buffer) => (seen += chunk.toString()));
    await eventually(() => Promise.resolve(seen.includes("host done")), 20);
    view.kill("SIGINT");
    await eventually(() => Promise.resolve(seen.includes("Ctrl-C again")), 20);
    view.kill("SIGINT");
    const { exitCode, stderr } = await view;
    expect(exitCode).toBe(0);
    expect(stderr).toContain("The run goes on: vmbuild attach slow");
    expect(await slow.record()).toMatchObject({ state: "running", runId });
  });

  it("is left by d on a terminal", async () => {
    const { runId } = await slow.detach();
    const words = [process.execPath, CLI_MAIN, "attach", runId].join(" ");
    const view = execa("script", ["-qec", words, "/dev/null"], {
      ...{ cwd: slow.home.folder, extendEnv: false, reject: false, stdin: "pipe" },
      env: { ...slow.home.env, TERM: "xterm" },
    });
    let seen = "";
    view.stdout.on("data", (chunk: Buffer) => (seen += chunk.toString()));
    await eventually(() => Promise.resolve(seen.includes("host")), 20);
    view.stdin.write("d");
    const { exitCode, stdout } = await view;
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Detached. The run goes on");
    expect(await slow.record()).toMatchObject({ state: "running", runId });
  });

  it("knows no run of that name", async () => {
    const { home } = slow;
    await slow.detach();
    for (const command of ["attach", "stop", "wait"]) {
      const { exitCode, stderr } = await home.run(command, "other");
      expect(exitCode).toBe(2);
      expect(stderr).toContain("This host has no build and no run other");
      expect(stderr).toContain("The builds are slow.");
    }
    expect((await home.run("renew", "other", "1h")).exitCode).toBe(2);
  });
});

describe("a run whose process is killed", () => {
  it("is found dead by list, wait and attach", async () => {
    const { pid, runId } = await slow.detach();
    const waiting = slow.start("wait", runId);
    const view = slow.start("attach", runId);
    let seen = "";
    view.stderr.on("data", (chunk: Buffer) => (seen += chunk.toString()));
    await eventually(() => Promise.resolve(seen.includes("host done")), 20);
    process.kill(pid, "SIGKILL");
    const [waited, attached] = await Promise.all([waiting, view]);
    expect([waited.exitCode, attached.exitCode]).toEqual([143, 143]);
    expect(waited.stderr).toContain("interrupted RUN_KILLED");
    expect(attached.stderr).toContain("[RUN_KILLED]");
    expect(await slow.listed()).toMatchObject({ state: "interrupted", runId });
    expect((await slow.home.run("list")).stdout).toContain("interrupted");
  });
});
