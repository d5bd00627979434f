/** Resuming from checkpoints, and the reported reasons for running steps. */
import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Sandbox, Ended } from "../support/e2e.js";
import { createSandbox, requireDone } from "../support/e2e.js";
import { makeSmallGuest, onSmallGuest } from "../support/small-guest.js";
import type { BusyboxGuest } from "../support/busybox-guest.js";

/** Returns a command that appends to a file and prints the file. */
const mark = (text: string) => `echo ${text} >>/root/steps; cat /root/steps`;

const QUICK = { output: { compression: "none" } };

/** Returns the names of the steps that ran, in order. */
function stepsRun({ stderr }: Ended): string[] {
  return [...stderr.matchAll(/step \[\d+\/\d+\] (\S+) done/g)].map(([, name]) => name ?? "");
}

/** Returns the names of the cached steps, in order. */
function stepsCached({ stderr }: Ended): string[] {
  return [...stderr.matchAll(/step \[\d+\/\d+\] (\S+) cached/g)].map(([, name]) => name ?? "");
}

const explained = z.object({
  upToDate: z.boolean(),
  start: z.string(),
  steps: z.array(z.object({ step: z.string(), kept: z.boolean(), reason: z.string() })),
});

describe("a template that changes", () => {
  let sandbox: Sandbox;
  let guest: BusyboxGuest;
  let template: string;
  let first: Ended;

  const document = (words: readonly string[]) => ({
    name: "three",
    ...QUICK,
    variables: { token: { sensitive: true, default: "opensesame" } },
    steps: [
      { name: "one", actions: [{ run: mark(words[0] ?? "") }] },
      {
        name: "two",
        environment: { TOKEN: "${var.token}" },
        actions: [{ upload: "tree/", to: "/opt/tree/" }, { run: mark(words[1] ?? "") }],
      },
      {
        name: "three",
        actions: [
          { run: [mark(words[2] ?? ""), "cp /root/steps /root/result"] },
          { download: "/root/result", to: "result.txt" },
        ],
      },
    ],
  });
  const write = async (...words: string[]): Promise<void> => {
    template = await sandbox.template(onSmallGuest(guest, document(words)));
  };
  const result = (): Promise<string> => readFile(join(sandbox.output, "result.txt"), "utf8");
  const explain = async (...args: string[]) => {
    const ended = await sandbox.build(template, "--explain", "--json", ...args).ended;
    requireDone(ended);
    return explained.parse(JSON.parse(ended.stdout));
  };
  const firstThatRuns = (report: z.infer<typeof explained>) => {
    const { step, reason } = report.steps.find(({ kept }) => !kept) ?? {};
    return { step, reason };
  };

  beforeAll(async () => {
    sandbox = await createSandbox();
    guest = await makeSmallGuest(sandbox.folder);
    const tree = join(sandbox.folder, "templates/tree/deep");
    await mkdir(tree, { recursive: true });
    await writeFile(join(tree, "file.txt"), "a\nb\nc\n");
    await write("a", "b", "c");
    first = await sandbox.build(template).ended;
  });
  afterAll(() => sandbox[Symbol.asyncDispose]());

  it("runs all steps the first time, and none the second", async () => {
    requireDone(first);
    expect(stepsRun(first)).toEqual(["one", "two", "three"]);
    expect(await result()).toBe("a\nb\nc\n");
    const second = await sandbox.build(template, "--json").ended;
    expect(second.exitCode).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({ upToDate: true });
    expect(second.stderr).not.toContain("QEMU tcg");
    expect(second.stderr).toContain("is up to date");
  });

  it("reports what changed before it runs anything", async () => {
    expect(await explain()).toMatchObject({ upToDate: true });
    const other = await explain("--var", "token=hunter2");
    expect(firstThatRuns(other)).toEqual({
      step: "two",
      reason: "a secret in environment TOKEN changed",
    });
    const file = join(sandbox.folder, "templates/tree/deep/file.txt");
    await writeFile(file, "a\nB\nc\n");
    const changed = await explain();
    expect(firstThatRuns(changed)).toEqual({
      step: "two",
      reason: "tree/deep/file.txt changed (1 line)",
    });
    expect(changed.start).toBe("checkpoint");
    // The content of a file counts, not its time stamp.
    await writeFile(file, "a\nb\nc\n");
    expect(await explain()).toMatchObject({ upToDate: true });
    const memory = await explain("--memory", "800M");
    expect(memory.steps[0]).toMatchObject({ kept: false });
    expect(memory.steps[0]?.reason).toContain("machine.memory changed (768 MiB to 800 MiB)");
  });

  it("writes no secret to its records", async () => {
    const records = await readFile(join(sandbox.buildFolder("three"), "checkpoints.json"), "utf8");
    expect(records).not.toContain("opensesame");
    expect(records).not.toContain(Buffer.from("opensesame").toString("base64"));
  });

  it("runs the changed step and those after it, in each position", async () => {
    await write("a", "b", "C");
    const third = await sandbox.build(template).ended;
    requireDone(third);
    expect(third.stderr).toContain("step 3 (three) runs: action 1 run changed");
    expect([stepsCached(third), stepsRun(third)]).toEqual([["one", "two"], ["three"]]);
    expect(await result()).toBe("a\nb\nC\n");

    await write("a", "B", "C");
    const second = await sandbox.build(template).ended;
    expect([stepsCached(second), stepsRun(second)]).toEqual([["one"], ["two", "three"]]);
    expect(await result()).toBe("a\nB\nC\n");

    await write("A", "B", "C");
    const all = await sandbox.build(template).ended;
    expect([stepsCached(all), stepsRun(all)]).toEqual([[], ["one", "two", "three"]]);
    // The guest does not boot even then.
    expect(all.stderr).toContain("resume done");
    expect(await result()).toBe("A\nB\nC\n");
    expect(second.stderr + third.stderr + all.stderr).not.toContain("Error");
  });

  it("recreates an altered or lost image without a step", async () => {
    await appendFile(join(sandbox.output, "three-0.0.0.qcow2"), "x");
    const altered = await sandbox.build(template).ended;
    expect(altered.stderr).toContain("Cache miss: ");
    expect(stepsRun(altered)).toEqual([]);
    expect(await result()).toBe("A\nB\nC\n");
    await rm(sandbox.output, { recursive: true });
    const lost = await sandbox.build(template).ended;
    requireDone(lost);
    expect(stepsRun(lost)).toEqual([]);
    expect(existsSync(join(sandbox.output, "three-0.0.0.qcow2"))).toBe(true);
    expect(await result()).toBe("A\nB\nC\n");
  });

  it("uses an older valid checkpoint when a change is undone", async () => {
    await write("a", "b", "c");
    expect(await explain()).toMatchObject({ start: "checkpoint", upToDate: false });
    expect((await explain()).steps.map(({ kept }) => kept)).toEqual([true, true, true]);
  });

  it("respects --from and --until", async () => {
    const ended = await sandbox.build(template, "--from", "two", "--until", "two").ended;
    requireDone(ended);
    expect([stepsCached(ended), stepsRun(ended)]).toEqual([["one"], ["two"]]);
    expect(ended.stderr).toContain("stopped after two");
    // Checkpoints of later steps on top of the old one are not valid for the new one.
    expect((await explain()).steps.map(({ kept }) => kept)).toEqual([true, true, false]);
    const wrong = await sandbox.build(template, "--from", "four").ended;
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toContain("Its steps are one, two, three");
  });

  it("starts from the base when the working disk was modified", async () => {
    const disk = join(sandbox.buildFolder("three"), "disk.qcow2");
    await truncate(disk, 50_000_000);
    const ended = await sandbox.build(template, "--until", "one").ended;
    requireDone(ended);
    expect(ended.stderr).toContain("checkpoints cannot be used");
    expect(stepsRun(ended)).toEqual(["one"]);

    // A cluster in the middle: the file's size does not change.
    const whole = await readFile(disk);
    const middle = Math.floor(whole.length / 2);
    whole.fill(0xff, middle, middle + 65536);
    await writeFile(disk, whole);
    const again = await sandbox.build(template, "--until", "one").ended;
    requireDone(again);
    expect(again.stderr).toContain("it was modified after the last run");
    expect(stepsRun(again)).toEqual(["one"]);
  });

  it("lists checkpoints and removes them", async () => {
    const list = await sandbox.vmbuild("checkpoints", template);
    expect(list.stdout).toMatch(/1 {2}one .* valid/);
    const rm = await sandbox.vmbuild("checkpoints", "three", "rm", "one");
    requireDone(rm);
    const after = await sandbox.vmbuild("checkpoints", template, "--json");
    expect(after.stdout).not.toContain('"one"');
  });
});
