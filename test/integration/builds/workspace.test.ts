import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findRunning } from "../../../src/builds/running.js";
import { buildPaths, openWorkspace, readRuns, runPaths } from "../../../src/builds/workspace.js";
import { errorOf } from "../../support/inputs.js";

const template = { name: "demo", version: "1.0.0", path: "/t/demo.json" };
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-state-"));
  vi.stubEnv("XDG_STATE_HOME", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe("openWorkspace", () => {
  it("creates private folders, and a record of a run in progress", async () => {
    await using workspace = await openWorkspace(template, {
      now: new Date("2026-02-14T17:04:00Z"),
    });
    const { build, run, runId } = workspace;
    expect(build.folder).toBe(join(folder, "vmbuild/builds/demo"));
    expect(runId).toMatch(/^20260214-170400-[0-9a-f]{6}$/);
    for (const path of [build.folder, run.folder, run.steps, run.outputs, run.scratch]) {
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    }
    expect((await stat(run.record)).mode & 0o777).toBe(0o600);
    expect(await readRuns(build)).toMatchObject([{ runId, state: "running", pid: process.pid }]);
    await workspace.update({ state: "failed", outcome: "STEP_FAILED" });
    expect(await readRuns(build)).toMatchObject([{ state: "failed", outcome: "STEP_FAILED" }]);
  });

  it("refuses a second run of the same build, and names the first", async () => {
    const first = await openWorkspace(template);
    const error = await errorOf(openWorkspace(template));
    expect(error).toMatchObject({ code: "BUILD_LOCKED", exitCode: 3 });
    expect(error.hint).toContain(`process ${process.pid}`);
    await using other = await openWorkspace({ ...template, name: "other" });
    expect(other.tidied).toEqual([]);
    await first[Symbol.asyncDispose]();
    await using next = await openWorkspace(template);
    expect(await readRuns(next.build)).toHaveLength(2);
  });

  it("cleans up after a killed run, and retains its logs", async () => {
    const killed = await openWorkspace(template);
    const control = join(folder, "x.ctl");
    await writeFile(control, "");
    await killed.update({ machine: { pid: 1, sshPort: 2, user: "root", control, keys: "/keys" } });
    await writeFile(killed.run.console, "booting");
    await writeFile(join(killed.build.folder, ".seed.iso.0123abcd.part"), "half");
    // Its record still says that it is running, as after a kill.
    await killed[Symbol.asyncDispose]();

    await using next = await openWorkspace(template);
    expect(next.tidied).toEqual([
      `the run ${killed.runId} was killed; its logs are in ${killed.run.folder}`,
      "removed .seed.iso.0123abcd.part",
    ]);
    const [record] = await readRuns(next.build);
    expect(record).toMatchObject({ runId: killed.runId, state: "interrupted" });
    expect(record?.machine).toBeUndefined();
    expect(existsSync(control)).toBe(false);
    expect(existsSync(killed.run.outputs)).toBe(false);
    expect(await readFile(killed.run.console, "utf8")).toBe("booting");
    await using third = await openWorkspace({ ...template, name: "third" });
    expect(third.tidied).toEqual([]);
  });

  it("does not change runs that have ended", async () => {
    const done = await openWorkspace(template);
    await done.update({ state: "done" });
    await done[Symbol.asyncDispose]();
    await using next = await openWorkspace(template);
    expect(next.tidied).toEqual([]);
  });

  it("ignores an invalid record", async () => {
    const build = buildPaths("demo");
    const first = await openWorkspace(template);
    await first[Symbol.asyncDispose]();
    await writeFile(runPaths(build, first.runId).record, "{");
    await using next = await openWorkspace(template);
    expect(await readRuns(build)).toHaveLength(1);
    expect(await readdir(build.runs)).toHaveLength(2);
    expect(next.tidied).toEqual([]);
  });
});

describe("findRunning", () => {
  const machine = { pid: 1, sshPort: 2, user: "root", control: "/x", keys: "/keys" };

  it("finds the only one, with and without its name", async () => {
    await using workspace = await openWorkspace(template);
    await workspace.update({ machine });
    expect((await findRunning(undefined))?.record.runId).toBe(workspace.runId);
    expect((await findRunning("demo"))?.record.machine).toEqual(machine);
  });

  it("ignores the record of a dead run", async () => {
    const workspace = await openWorkspace(template);
    await workspace.update({ machine, state: "paused" });
    await workspace[Symbol.asyncDispose]();
    expect(await findRunning("demo")).toBeUndefined();
    expect(await errorOf(findRunning("nobody"))).toMatchObject({ code: "BUILD_UNKNOWN" });
  });

  it("requires a name where there are several", async () => {
    await using one = await openWorkspace(template);
    await using two = await openWorkspace({ ...template, name: "two" });
    await one.update({ machine });
    await two.update({ machine });
    const error = await errorOf(findRunning(undefined));
    expect(error.message).toContain("demo, two");
    expect((await findRunning("two"))?.record.name).toBe("two");
  });

  it("lists the builds that exist", async () => {
    expect((await errorOf(findRunning("x"))).hint).toContain("There are no builds on this host");
    await using workspace = await openWorkspace(template);
    expect((await errorOf(findRunning("x"))).hint).toContain(workspace.build.folder.slice(-4));
    expect((await errorOf(findRunning(undefined))).message).toContain("No build is running");
  });
});
