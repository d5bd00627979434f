/** list, logs and prune as processes, with recorded runs. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exampleManifest } from "../../unit/artifact/example.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
});
afterEach(() => home[Symbol.asyncDispose]());

const START = "2026-02-14T17:04:00.000Z";

/** Writes a run's folder with its output. */
async function writeRun(name: string, runId: string, record: Record<string, unknown> = {}) {
  const folder = join(home.builds, name, "runs", runId);
  const event = { v: 1, time: START, build: name };
  const events = [
    { ...event, type: "run.started", name, version: "1.0.0", runId, runFolder: folder },
    { ...event, type: "note", message: `story of ${runId}` },
  ];
  await home.write({
    [join(folder, "run.json")]: {
      runId,
      name,
      version: "1.0.0",
      template: `/t/${name}.json`,
      pid: 1,
      startedAt: START,
      endedAt: "2026-02-14T17:05:30.000Z",
      state: "done",
      ...record,
    },
    [join(folder, "events.ndjson")]: events.map((line) => `${JSON.stringify(line)}\n`).join(""),
    [join(folder, "console.log")]: "boot\r\n\u001b[31mpanic\u001b[0m\n",
    [join(folder, "steps/01-first.log")]: "first line\n",
    [join(home.builds, name, "lock")]: "",
  });
  return folder;
}

/** Holds a build's lock as a run does, until the returned function is called. */
async function holdLock(name: string): Promise<() => Promise<void>> {
  const holder = spawn("flock", [join(home.builds, name, "lock"), "sh", "-c", "echo held; cat"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  await once(holder.stdout, "data");
  return async () => {
    holder.stdin.end();
    await once(holder, "exit");
  };
}

describe("vmbuild list", () => {
  it("explains on an empty host how to begin", async () => {
    const { exitCode, stdout, stderr } = await home.run("list");
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
    expect(stderr).toContain("vmbuild init NAME");
    expect((await home.run("list", "--json")).stdout).toBe('{"builds":[]}');
  });

  it("distinguishes a running run from a killed one", async () => {
    await writeRun("alive", "20260214-170400-aaaaaa", { state: "running", endedAt: undefined });
    await writeRun("dead", "20260214-170400-bbbbbb", { state: "running", endedAt: undefined });
    await writeRun("failed", "20260214-170400-cccccc", { state: "failed", outcome: "STEP_FAILED" });
    const letGo = await holdLock("alive");
    try {
      const { stdout } = await home.run("list", "--json");
      const { builds } = JSON.parse(stdout) as { builds: { name: string; state: string }[] };
      expect(builds.map(({ name, state }) => [name, state])).toEqual([
        ["alive", "running"],
        ["dead", "interrupted"],
        ["failed", "failed"],
      ]);
      const table = (await home.run("list")).stdout;
      expect(table).toMatch(/^NAME +VERSION +LAST RUN +WHEN +TOOK +IMAGE +WORK$/m);
      expect(table).toMatch(/^failed +1\.0\.0 +failed STEP_FAILED +\d+d ago +1m 30s/m);
      expect((await home.run("list", "--names")).stdout).toBe("alive\ndead\nfailed");
    } finally {
      await letGo();
    }
  });
});

describe("the images in vmbuild list", () => {
  it("are those of all formats", async () => {
    const output = join(home.folder, "output/demo");
    const runId = "20260214-170400-aaaaaa";
    await writeRun("demo", runId, { artifact: join(output, "demo.qcow2") });
    const { files, ...manifest } = exampleManifest();
    const [first] = files;
    await home.write({
      [join(output, "demo.qcow2")]: "q".repeat(100_000),
      [join(output, "demo.vmdk")]: "v".repeat(300_000),
      [join(output, "manifest.json")]: JSON.stringify({
        ...{ ...manifest, name: "demo" },
        files: [
          { ...first, name: "demo.qcow2" },
          { ...first, name: "demo.vmdk", format: "vmdk" },
        ],
      }),
    });
    const table = (await home.run("list")).stdout;
    const { builds } = JSON.parse((await home.run("list", "--json")).stdout) as {
      builds: { artifactSize: number; images: { path: string; size: number }[] }[];
    };
    const [build] = builds;
    expect(build?.images.map(({ path }) => path)).toEqual([
      join(output, "demo.qcow2"),
      join(output, "demo.vmdk"),
    ]);
    expect(build?.artifactSize).toBeGreaterThanOrEqual(400_000);
    expect(table).toContain("output/demo/demo.qcow2");
    expect(table).toContain("output/demo/demo.vmdk");
  });
});

describe("vmbuild logs", () => {
  it("shows the log of the last or a given run", async () => {
    await writeRun("demo", "20260214-170400-aaaaaa");
    await writeRun("demo", "20260215-170400-bbbbbb");
    expect((await home.run("logs", "demo")).stdout).toContain("story of 20260215-170400-bbbbbb");
    expect((await home.run("logs", "demo", "--run", "aaaaaa")).stdout).toContain(
      "story of 20260214-170400-aaaaaa",
    );
    const lines = (await home.run("logs", "demo", "--json")).stdout.split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
      "run.started",
      "note",
    ]);
  });

  it("shows the console and a step's output", async () => {
    await writeRun("demo", "20260214-170400-aaaaaa");
    expect((await home.run("logs", "demo", "--console")).stdout).toBe(
      "boot\n\u001b[31mpanic\u001b[0m",
    );
    for (const step of ["first", "1", "01"]) {
      expect((await home.run("logs", "demo", "--step", step)).stdout).toBe("first line");
    }
  });

  it.each([
    [["logs", "other"], "This host has no build other", "The builds are demo."],
    [
      ["logs", "demo", "--run", "zzz"],
      "demo has no run zzz, or several that match it",
      "20260214-170400-aaaaaa",
    ],
    [["logs", "demo", "--step", "zzz"], "has no log of the step zzz", "The logs are first."],
  ])("%j says what there is", async (args, message, hint) => {
    await writeRun("demo", "20260214-170400-aaaaaa");
    const { exitCode, stderr } = await home.run(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
  });

  it("follows a run until it ends", async () => {
    const folder = await writeRun("demo", "20260214-170400-aaaaaa", {
      state: "running",
      endedAt: undefined,
    });
    const letGo = await holdLock("demo");
    const main = new URL("../../../dist/bin/vmbuild.js", import.meta.url).pathname;
    const following = execa(process.execPath, [main, "logs", "demo", "--console", "--follow"], {
      cwd: home.folder,
      env: home.env,
      extendEnv: false,
    });
    await once(following.stdout, "data");
    await home.write({ [join(folder, "console.log.new")]: "" });
    await execa("sh", ["-c", `echo later >>'${join(folder, "console.log")}'`]);
    await letGo();
    const { exitCode, stdout } = await following;
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").at(-1)).toBe("later");
  });
});

describe("vmbuild prune", () => {
  const KEY = "0123456789abcdef0123";

  async function writeCache(kind: "inputs" | "bases", key: string, daysAgo: number) {
    const folder = join(home.cache, kind, key);
    await home.write({
      [join(folder, "image.qcow2")]: "x".repeat(5000),
      [join(folder, "lock")]: "",
    });
    const used = new Date(Date.now() - daysAgo * 86_400_000);
    await utimes(folder, used, used);
    return folder;
  }

  it("removes old runs, stale sockets and old caches, and reports the freed space", async () => {
    for (const day of [1, 2, 3, 4]) await writeRun("demo", `2026021${day}-170400-aaaaaa`);
    await writeCache("inputs", KEY, 40);
    await writeCache("bases", KEY, 3);
    await home.write({ [join(home.runtime, "gone.qmp")]: "", [join(home.runtime, "other")]: "" });
    await execa("chmod", ["700", home.runtime]);
    const dry = await home.run("prune", "--keep", "2", "--dry-run");
    expect(dry.stdout).toMatch(/Would free .* \(4 things\)\.$/);
    const { exitCode, stdout } = await home.run("prune", "--keep", "2");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("not used for 40 days");
    expect(stdout).toMatch(/Freed .* \(4 things\)\.$/);
    expect(await readdir(join(home.builds, "demo", "runs"))).toEqual([
      "20260213-170400-aaaaaa",
      "20260214-170400-aaaaaa",
    ]);
    expect(await readdir(home.runtime)).toEqual(["other"]);
    expect(await readdir(join(home.cache, "inputs"))).toEqual([]);
    expect(await readdir(join(home.cache, "bases"))).toEqual([KEY]);
    expect((await home.run("prune", "--keep", "2")).stdout).toBe("Nothing to remove.");
  });

  it("does not remove a running build and what it uses", async () => {
    const startedAt = new Date(Date.now() - 60_000).toISOString();
    const runId = "20260214-170400-aaaaaa";
    await writeRun("demo", runId, { state: "running", endedAt: undefined, startedAt });
    await home.write({
      [join(home.builds, "demo", "disk.qcow2")]: "disk",
      [join(home.runtime, `${runId}.qmp`)]: "",
    });
    await execa("chmod", ["700", home.runtime]);
    await writeCache("inputs", KEY, 0);
    await writeCache("bases", "f".repeat(20), 1);
    const letGo = await holdLock("demo");
    try {
      const { stdout, stderr } = await home.run("prune", "--all", "--keep", "1");
      expect(stderr).toContain("note: demo is running");
      expect(stdout).toMatch(/\(1 thing\)\.$/);
      expect(await readdir(join(home.cache, "inputs"))).toEqual([KEY]);
      expect(await readdir(join(home.cache, "bases"))).toEqual([]);
      expect(await readdir(home.runtime)).toEqual([`${runId}.qmp`]);
      expect(await readdir(join(home.builds, "demo"))).toContain("disk.qcow2");
    } finally {
      await letGo();
    }
  });

  it("retains the base of a retained working disk, unless all is removed", async () => {
    const base = await writeCache("bases", KEY, 90);
    const startedAt = new Date().toISOString();
    await writeRun("demo", "20260214-170400-aaaaaa", { state: "failed", startedAt });
    const image = join(base, "image.qcow2");
    await execa("qemu-img", ["create", "-q", "-f", "qcow2", image, "1M"]);
    const disk = join(home.builds, "demo", "disk.qcow2");
    await execa("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, disk]);
    await utimes(base, 0, 0);
    expect((await home.run("prune")).stdout).toBe("Nothing to remove.");
    expect((await home.run("prune", "--all")).stdout).toMatch(/\(2 things\)\.$/);
    expect(await readdir(join(home.cache, "bases"))).toEqual([]);
    expect(await readdir(join(home.builds, "demo"))).not.toContain("disk.qcow2");
  });

  it("removes the checkpoints of a build that was not run for a long time", async () => {
    await writeRun("demo", "20260214-170400-aaaaaa", { state: "done" });
    const files = ["disk.qcow2", "checkpoints.json"].map((name) => join(home.builds, "demo", name));
    for (const file of files) await home.write({ [file]: {} });
    expect((await home.run("prune")).stdout).toMatch(/disk\.qcow2 .*not run for \d+ days/);
    expect(await readdir(join(home.builds, "demo"))).not.toContain("disk.qcow2");
  });

  it.each([
    ["--older-than", "30", "--older-than 30: use for example 30d"],
    ["--max-size", "much", "--max-size much: use for example 20G"],
    ["--max-size", "5", '--max-size: "5" has no unit and means 5 bytes; did you mean "5G"?'],
  ])("refuses %s %s", async (flag, value, message) => {
    const { exitCode, stderr } = await home.run("prune", flag, value);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });
});
