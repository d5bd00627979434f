/** Failing steps in a real guest: their reports, and what can be inspected afterwards. */
import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Sandbox } from "../support/e2e.js";
import { createSandbox, isAlive, processesOf } from "../support/e2e.js";

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

/** Returns the lines of a text from the first one that contains `start`. */
function from(text: string, start: string): string {
  return text.slice(text.indexOf(start));
}

it("names a failed step's action, command, exit code, last lines and log", async () => {
  const template = await sandbox.template({
    name: "failing",
    steps: [
      { name: "good", actions: [{ run: "echo fine" }] },
      { name: "bad", actions: [{ run: ["echo before the end", "exit 3", "echo never"] }] },
      { name: "later", actions: [{ run: "echo not reached" }] },
    ],
  });
  const running = sandbox.build(template);
  const [, pid] = await running.until(/process (\d+), SSH port/);
  const { exitCode, stderr, stdout } = await running.ended;
  expect(exitCode).toBe(7);
  expect(stdout).toBe("");
  const error = from(stderr, "error:");
  expect(error).toContain('Step "bad", action 1 (run): echo before the end (and 2 more)');
  expect(error).toContain("failed with exit code 3");
  expect(error).toContain("[STEP_FAILED]");
  expect(error).toContain("  before the end\n");
  expect(stderr).not.toContain("not reached");

  const log = /log: {2}(.+)/.exec(error)?.[1] ?? "";
  expect(await readFile(log, "utf8")).toContain("before the end\n");
  expect(await isAlive(Number(pid))).toBe(false);
  expect(await processesOf(sandbox.folder)).toEqual([]);
  // The disk remains for inspection; nothing appears in the output.
  expect(await readdir(sandbox.buildFolder("failing"))).toContain("disk.qcow2");
  expect(existsSync(join(sandbox.output, "manifest.json"))).toBe(false);
});

it("pauses in a step that has timed out until it is released", async () => {
  const template = await sandbox.template({
    name: "slow",
    steps: [
      {
        name: "hang",
        timeout: "5s",
        actions: [{ run: "echo started; trap '' TERM; setsid sleep 4242 & sleep 4343" }],
      },
    ],
  });
  const running = sandbox.build(template, "--on-error", "pause");
  await running.until(/paused: STEP_TIMEOUT/);

  const other = await sandbox.build(template).ended;
  expect(other.exitCode).toBe(3);
  expect(other.stderr).toContain("[BUILD_LOCKED]");
  expect(other.stderr).toContain(`process ${running.pid}`);

  const inside = await sandbox.vmbuild("ssh", "slow", "--", "pgrep -x sleep -a; exit 42");
  expect(inside.exitCode).toBe(42);
  // A process in its own session cannot be killed; all others are.
  expect(inside.stdout).not.toContain("4343");

  const released = await sandbox.vmbuild("ssh", "slow", "--release", "--", "true");
  expect(released.stderr).toContain("resumes");
  expect(released.exitCode).toBe(0);
  const { exitCode, stderr } = await running.ended;
  expect(exitCode).toBe(7);
  expect(from(stderr, "error:")).toContain("[STEP_TIMEOUT]");
  expect(from(stderr, "error:")).toContain("exceeded its timeout of 5s");
  expect(await processesOf(sandbox.folder)).toEqual([]);
  expect(await readdir(join(sandbox.runtime, "vmbuild"))).toEqual([]);
});

it("retries a step, and shows every check that fails", async () => {
  const template = await sandbox.template({
    name: "verifying",
    steps: [
      {
        name: "second-time-lucky",
        retries: 2,
        actions: [{ run: "echo attempt; test -e /root/tried || { touch /root/tried; exit 1; }" }],
        verify: ["test -e /root/tried"],
      },
      {
        name: "unkept",
        actions: [{ run: "true" }],
        verify: [
          "test -d /etc",
          "echo first words; exit 4",
          "ls /no/such/file",
          "test -e /etc/passwd",
        ],
      },
    ],
  });
  const { exitCode, stderr } = await sandbox.build(template).ended;
  expect(stderr).toContain("step second-time-lucky: attempt 2 of 3");
  expect(stderr).toContain("step [1/2] second-time-lucky done");
  expect(stderr).toContain("  verified: test -e /root/tried\n");
  expect(exitCode).toBe(8);
  const error = from(stderr, "error:");
  expect(error).toContain('Step "unkept": 2 of 4 checks failed [VERIFY_FAILED]');
  expect(error).toContain("  echo first words; exit 4  (exit code 4)\n    first words\n");
  expect(error).toContain("  ls /no/such/file  (exit code 2)\n");
  expect(error).toContain("cannot access '/no/such/file'");
  expect(error).not.toContain("/etc/passwd");
});
