/** Unexpected ends: of QEMU, of vmbuild, and by the user. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Sandbox } from "../support/e2e.js";
import { createSandbox, eventually, isAlive, machinePid, processesOf } from "../support/e2e.js";

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

/** Writes a template whose step starts soon and runs longer than the test. */
async function longStep(name: string): Promise<string> {
  return sandbox.template({
    name,
    steps: [{ name: "long", actions: [{ run: "echo in the middle; sleep 3600" }] }],
  });
}
const IN_STEP = /\| in the middle/;

/** Checks that vmbuild left nothing behind: no QEMU, no lock process, no socket. */
async function expectNothingLeft(): Promise<void> {
  expect(await processesOf(sandbox.folder)).toEqual([]);
  expect(await readdir(join(sandbox.runtime, "vmbuild"))).toEqual([]);
}

it("ends soon after QEMU was killed, and names the signal", async () => {
  const running = sandbox.build(await longStep("killed-qemu"));
  await running.until(IN_STEP);
  const killedAt = Date.now();
  process.kill(await machinePid(sandbox, "killed-qemu"), "SIGKILL");
  const { exitCode, stderr, at } = await running.ended;
  console.log(`exit ${at - killedAt} ms after QEMU's death`);
  expect(exitCode).toBe(5);
  expect(stderr).toContain("QEMU was terminated by SIGKILL while the build still needed it");
  expect(stderr).toContain("[MACHINE_DIED]");
  // The death of QEMU ended the step, not a deadline of the connection or the step.
  const error = stderr.slice(stderr.indexOf("error:"));
  expect(error).not.toMatch(/timed out|did not end within/);
  await expectNothingLeft();
});

it("leaves nothing running after SIGKILL, and cleans up in the next run, which SIGTERM ends", async () => {
  const template = await longStep("killed-vmbuild");
  const first = sandbox.build(template);
  await first.until(IN_STEP);
  const pid = await machinePid(sandbox, "killed-vmbuild");
  process.kill(first.pid, "SIGKILL");
  await first.ended;
  await eventually(async () => (await processesOf(sandbox.folder)).length === 0);
  expect(await isAlive(pid)).toBe(false);

  const second = sandbox.build(template);
  const [line] = await second.until(/Cleaned up: .*/);
  expect(line).toMatch(/the run \S+ was killed; its logs are in /);
  await second.until(/process \d+, SSH port/);
  process.kill(second.pid, "SIGTERM");
  const { exitCode, stderr } = await second.ended;
  expect(exitCode).toBe(143);
  expect(stderr).toContain("[TERMINATED]");
  await expectNothingLeft();
});

it("ends at Ctrl-C in the middle of a step, and cleans up", async () => {
  const running = sandbox.build(await longStep("interrupted"));
  await running.until(IN_STEP);
  const pressedAt = Date.now();
  process.kill(running.pid, "SIGINT");
  const { exitCode, stderr, at } = await running.ended;
  console.log(`exit ${at - pressedAt} ms after Ctrl-C`);
  expect(exitCode).toBe(130);
  expect(stderr).toContain("[INTERRUPTED]");
  await expectNothingLeft();
});
