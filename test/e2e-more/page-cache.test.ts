/** Dropping the guest's page cache before a checkpoint is saved. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Sandbox } from "../support/e2e.js";
import { createSandbox, requireDone } from "../support/e2e.js";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox({ boots: true });
});
afterAll(() => sandbox[Symbol.asyncDispose]());

interface Records {
  readonly checkpoints: readonly { readonly step: string; readonly memoryBytes: number }[];
}

it("excludes a large download from the checkpoint's memory, not from the guest", async () => {
  const template = await sandbox.template({
    name: "page-cache",
    machine: { memory: "2G" },
    steps: [
      {
        name: "download",
        actions: [
          {
            run: ["yes 0123456789abcdef | head -c 640M >/root/large", "cat /root/large >/dev/null"],
          },
        ],
      },
      {
        name: "after",
        actions: [{ run: ["[ $(stat -c %s /root/large) = 671088640 ]", "head -n 1 /root/large"] }],
      },
    ],
  });
  const ended = await sandbox.build(template, "--until", "after").ended;
  requireDone(ended);
  expect(ended.stderr).not.toContain("warning:");
  expect(ended.stderr).toContain("| 0123456789abcdef\n");
  const file = join(sandbox.buildFolder("page-cache"), "checkpoints.json");
  const { checkpoints } = JSON.parse(await readFile(file, "utf8")) as Records;
  const sizes = Object.fromEntries(checkpoints.map(({ step, memoryBytes }) => [step, memoryBytes]));
  expect(Object.keys(sizes)).toEqual(["", "download", "after"]);
  expect(sizes["download"]).toBeLessThan(500 * 2 ** 20);
});
