/** Opening the checkpoint of a failed step, and refreshing the guest of an old one. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Sandbox, Ended } from "../support/e2e.js";
import { createSandbox, processesOf, requireDone } from "../support/e2e.js";

let sandbox: Sandbox;
let template: string;
let failed: Ended;

beforeAll(async () => {
  sandbox = await createSandbox();
  template = await sandbox.template({
    name: "broken",
    output: { compression: "none" },
    variables: { good: { default: "no" } },
    steps: [
      {
        name: "past",
        actions: [
          {
            run: [
              "echo before >/root/state",
              // Sets the guest's clock back, as it would be in an old checkpoint.
              "date -s '2020-02-03 04:05:06'",
            ],
          },
        ],
      },
      {
        name: "breaks",
        actions: [
          {
            run: [
              "echo in-memory >/dev/shm/trace",
              "setsid sleep 98765 >/dev/null 2>&1 </dev/null &",
              "echo tried >>/root/state",
              '[ "${var.good}" = yes ]',
            ],
          },
        ],
      },
      {
        name: "after",
        actions: [{ run: "date +%s >/root/now" }, { download: "/root/now", to: "now" }],
      },
    ],
  });
  failed = await sandbox.build(template).ended;
});
afterAll(() => sandbox[Symbol.asyncDispose]());

const inside = (...args: string[]): Promise<Ended> => sandbox.vmbuild("ssh", "broken", ...args);

it("saves a checkpoint of the failed step, and leaves no process", async () => {
  expect(failed.exitCode).toBe(7);
  expect(failed.stderr).toContain("vmbuild ssh broken");
  expect(failed.stderr).toContain("vmbuild run broken --retry");
  expect(await processesOf(sandbox.folder)).toEqual([]);
});

it("opens it with its processes and memory", async () => {
  const inspected = await inside(
    "--",
    "cat /dev/shm/trace /root/state; pgrep -x sleep -a | grep -c 98765; exit 5",
  );
  expect(inspected.exitCode).toBe(5);
  expect(inspected.stdout).toBe("in-memory\nbefore\ntried\n1\n");
  expect(inspected.stderr).toContain("as it failed in step breaks");
  expect(await processesOf(sandbox.folder)).toEqual([]);
});

it("discards changes, except with --save", async () => {
  await inside("--", "echo looked >>/root/state");
  expect((await inside("--", "cat /root/state")).stdout).toBe("before\ntried\n");
  expect((await inside("--save", "--", "echo mended >>/root/state")).exitCode).toBe(0);
  expect((await inside("--", "cat /root/state")).stdout).toBe("before\ntried\nmended\n");
  const before = await inside("--step", "past", "--", "cat /root/state");
  expect(before.stdout).toBe("before\n");
  const unknown = await inside("--step", "nowhere", "--", "true");
  expect(unknown.exitCode).toBe(2);
  expect(unknown.stderr).toContain("Its checkpoints are past");
});

it("sets the clock of a resumed guest, and reseeds its random numbers", async () => {
  const command =
    "date +%s; head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/uuid";
  const results = [
    await inside("--step", "past", "--", command),
    await inside("--step", "past", "--", command),
  ];
  const [one = [], other = []] = results.map(({ stdout }) => stdout.trim().split("\n"));
  expect(one).toHaveLength(3);
  expect(Math.abs(Number(one[0]) - Date.now() / 1000)).toBeLessThan(300);
  expect(one[1]).not.toBe(other[1]);
  expect(one[2]).not.toBe(other[2]);
});

it("retries the failed step from the checkpoint before it", async () => {
  const retried = await sandbox.build(template, "--retry", "--var", "good=yes").ended;
  requireDone(retried);
  expect(retried.stderr).toContain("step [1/3] past cached");
  const now = Number(await readFile(join(sandbox.output, "now"), "utf8"));
  expect(Math.abs(now - Date.now() / 1000)).toBeLessThan(300);
  const again = await sandbox.build(template, "--retry", "--var", "good=yes").ended;
  expect(again.exitCode).toBe(2);
});

it("keeps the machine of a detached run whose lease expires in a step", async () => {
  const leased = await sandbox.template({
    ...{ name: "leased", seal: false, output: { compression: "none" } },
    variables: { wait: { default: "yes" } },
    steps: [
      {
        name: "long",
        actions: [
          {
            run: [
              "echo in-memory >/dev/shm/trace",
              "echo ready",
              '[ "${var.wait}" = no ] || sleep 98765',
            ],
          },
        ],
      },
    ],
  });
  const output = join(sandbox.folder, "leased");
  const detached = ["run", leased, "--output", output, "--detach"];
  const begun = await sandbox.vmbuild(...detached, "--ttl", "1h");
  requireDone(begun);
  const view = sandbox.start("attach", begun.stdout.trim(), "--log-format", "plain");
  await view.until(/\| ready/);
  requireDone(await sandbox.vmbuild("renew", "leased", "1s"));
  const { exitCode, stderr } = await view.ended;
  expect(exitCode).toBe(124);
  expect(stderr).toContain("machine saved as it failed");
  expect(stderr).toContain("vmbuild ssh leased");
  expect((await sandbox.vmbuild("wait", "leased")).exitCode).toBe(124);
  expect(await processesOf(sandbox.folder)).toEqual([]);
  const inspected = await sandbox.vmbuild("ssh", "leased", "--", "cat /dev/shm/trace");
  expect(inspected.stdout).toBe("in-memory\n");

  // The next run goes on with that step, and its image is printed to whoever is attached.
  requireDone(await sandbox.vmbuild(...detached, "--retry", "--var", "wait=no"));
  const last = await sandbox.start("attach", "leased", "--from", "now").ended;
  requireDone(last);
  expect(last.stdout).toBe(`${join(output, "leased-0.0.0.qcow2")}\n`);
  expect((await sandbox.vmbuild("wait", "leased")).exitCode).toBe(0);
});
