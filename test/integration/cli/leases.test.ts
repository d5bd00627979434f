/** Leases of runs, as processes: deadlines, holders, and runs that cannot keep their own. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { endOverdueRun } from "../../../src/builds/overdue.js";
import { createSlowBuild } from "../../support/detached-runs.js";
import type { SlowBuild } from "../../support/detached-runs.js";
import { eventually, isAlive } from "../../support/e2e.js";

let slow: SlowBuild;
beforeEach(async () => {
  slow = await createSlowBuild();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await slow[Symbol.asyncDispose]();
});

const recordOf = async (runId: string): Promise<{ state: string; outcome?: string }> =>
  JSON.parse(await readFile(join(await slow.runFolder(runId), "run.json"), "utf8")) as {
    state: string;
  };

describe("a deadline", () => {
  it("ends the run with an exit code of its own, after a warning", async () => {
    const { runId } = await slow.detach("--ttl", "15s");
    expect((await slow.home.run("wait", runId)).exitCode).toBe(124);
    expect(await slow.listed()).toMatchObject({ state: "failed", outcome: "LEASE_EXPIRED" });
    const view = await slow.home.run("attach", runId);
    expect(view.exitCode).toBe(124);
    expect(view.stderr).toContain("[LEASE_EXPIRED]");
    expect(view.stderr).toMatch(/warning: The lease of the run expires in \ds, at /);
  });

  it("ends a run in the foreground too", async () => {
    const { exitCode, stderr } = await slow.home.run("run", "slow.json", "--ttl", "1s");
    expect(exitCode).toBe(124);
    expect(stderr).toContain("The lease of the run expired at");
  });

  it("is moved by renew, and is listed", async () => {
    const { home } = slow;
    const before = Date.now();
    const { runId } = await slow.detach("--ttl", "1m");
    const { exitCode, stdout } = await home.run("renew", "slow", "2h");
    expect(exitCode).toBe(0);
    const left = Date.parse(stdout) - before;
    expect(left).toBeGreaterThanOrEqual(7_200_000);
    expect(left).toBeLessThan(7_260_000);
    expect(await slow.listed()).toMatchObject({ state: "running", expiresAt: stdout });
    expect((await home.run("list")).stdout).toMatch(/EXPIRES\n.+in 1h 59m|in 2h/);
    expect((await home.run("renew", runId, "soon")).exitCode).toBe(2);
    expect((await home.run("renew", runId, "200ms")).exitCode).toBe(0);
    expect((await home.run("wait", runId)).exitCode).toBe(124);
    const ended = await home.run("renew", runId, "1h");
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toContain("has ended");
  });
});

describe("holders", () => {
  it("keep a run as long as their file exists", async () => {
    const file = join(slow.home.folder, "lease");
    await writeFile(file, "");
    const { runId } = await slow.detach("--lease-file", "lease", "--grace", "1s");
    expect((await slow.home.run("wait", runId, "--timeout", "2500ms")).exitCode).toBe(3);
    await rm(file);
    expect((await slow.home.run("wait", runId)).exitCode).toBe(124);
    const { stderr } = await slow.home.run("attach", runId);
    expect(stderr).toContain(`create ${file}`);
    expect(stderr).toContain("Nothing has held the lease of the run for 1s");
  });

  it("keep a run as long as one of them is connected", async () => {
    const { runId } = await slow.detach("--lease-connection", "--grace", "0s");
    const first = slow.start("attach", runId, "--hold");
    const second = slow.start("attach", runId, "--hold");
    const other = slow.start("attach", runId);
    // Listens to both from their beginning, since output is not kept for a later listener.
    const shown = [first, second].map(({ stderr }) => {
      const chunks: Buffer[] = [];
      stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
      return () => Buffer.concat(chunks).toString().includes("host done");
    });
    await eventually(() => Promise.resolve(shown.every((hasSeen) => hasSeen())), 20);
    first.kill("SIGKILL");
    await first;
    expect((await slow.home.run("wait", runId, "--timeout", "2500ms")).exitCode).toBe(3);
    second.kill("SIGKILL");
    await second;
    expect((await slow.home.run("wait", runId)).exitCode).toBe(124);
    const seen = await other;
    expect(seen.exitCode).toBe(124);
    // The grace of the lease counts once a holder has come.
    expect(seen.stderr).toContain("Nothing has held the lease of the run for 0ms");
  });
});

describe("a run that cannot keep its deadline", () => {
  it("is over for list, prune and the next run when it was killed", async () => {
    const { pid, runId } = await slow.detach("--ttl", "2s");
    process.kill(pid, "SIGKILL");
    await eventually(async () => (await slow.listed())["outcome"] === "LEASE_EXPIRED");
    expect(await recordOf(runId)).toMatchObject({ state: "interrupted", outcome: "LEASE_EXPIRED" });
    expect((await slow.home.run("wait", runId)).exitCode).toBe(124);
    expect((await slow.home.run("list")).stdout).toContain("interrupted LEASE_EXPIRED");
  });

  it("is killed when its process no longer answers, however the clock is set", async () => {
    const { pid, runId } = await slow.detach("--ttl", "1h");
    vi.stubEnv("XDG_STATE_HOME", slow.home.env["XDG_STATE_HOME"]);
    const later = Date.now() + 2 * 3_600_000;
    // A process that answers checks its deadline by its own clock.
    expect(await endOverdueRun("slow", later)).toBeUndefined();
    expect(await isAlive(pid)).toBe(true);
    process.kill(pid, "SIGSTOP");
    // It is given time of its own at first.
    expect(await endOverdueRun("slow", Date.now() + 3_600_000)).toBeUndefined();
    expect(await endOverdueRun("slow", later)).toMatchObject({ runId });
    await eventually(async () => !(await isAlive(pid)));
    expect((await slow.home.run("wait", runId)).exitCode).toBe(143);
    expect(await endOverdueRun("other", later)).toBeUndefined();
  });
});

describe("vmbuild stop --force", () => {
  it("kills a process that does not answer", async () => {
    const { pid, runId } = await slow.detach();
    process.kill(pid, "SIGSTOP");
    const gentle = await slow.home.run("stop", runId, "--timeout", "1s");
    expect(gentle.exitCode).toBe(3);
    expect(gentle.stderr).toContain("--force");
    const forced = await slow.home.run("stop", runId, "--timeout", "1s", "--force");
    expect(forced.exitCode).toBe(0);
    expect(await isAlive(pid)).toBe(false);
    expect(await slow.listed()).toMatchObject({ state: "interrupted" });
  });
});
