/** Builds an image for aarch64 from packages, resumes the build, and tests the image. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { readPublished } from "../../src/artifact/published.js";
import type { Ended, Sandbox } from "../support/e2e.js";
import { createSandbox, requireDone } from "../support/e2e.js";

let sandbox: Sandbox;
let template: string;
let first: Ended;

beforeAll(async () => {
  sandbox = await createSandbox({ boots: true });
  template = await sandbox.template({
    name: "foreign",
    variables: { mark: { default: "one" } },
    machine: { arch: "aarch64", cpus: 2 },
    ssh: { timeout: "20m" },
    steps: [
      {
        name: "look",
        actions: [{ run: ['test "$(uname -m)" = aarch64', "test -d /sys/firmware/efi"] }],
      },
      { name: "mark", actions: [{ write: "/etc/mark", content: "${var.mark}\n" }] },
    ],
    acceptance: {
      boot: { timeout: "20m" },
      checks: [
        { name: "Architecture", run: "uname -m", output: "^aarch64$" },
        { name: "Mark", run: "cat /etc/mark", output: "^two$" },
        { name: "No failed units", system: "no-failed-units" },
        { name: "No kernel errors", system: "no-kernel-errors" },
      ],
    },
  });
  first = await sandbox.build(template).ended;
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

it("boots the base, runs the steps, and records the architecture", async () => {
  requireDone(first);
  expect(await readPublished(sandbox.output)).toMatchObject({
    ...{ arch: "aarch64", accelerator: "tcg" },
    steps: [{ name: "look" }, { name: "mark" }],
  });
});

it("resumes from the checkpoint before a changed step", async () => {
  const ended = await sandbox.build(template, "--var", "mark=two").ended;
  requireDone(ended);
  expect(ended.stderr).toContain("the checkpoint after look");
  expect(ended.stderr).not.toContain("boot done");
});

it("passes its acceptance test, as a machine of the image's architecture", async () => {
  // The template's own architecture would not start it.
  const ended = await sandbox.vmbuild(
    ...["test", template, "--output", sandbox.output, "--set", "machine.arch=x86_64"],
  );
  requireDone(ended);
  expect(ended.stdout).toContain("4/4");
});

it("is not started as a guest of KVM on a host of another architecture", async () => {
  const other = { arm64: "x86_64", x64: "aarch64" }[process.arch as "arm64" | "x64"];
  const ended = await sandbox.vmbuild(
    ...["run", template, "--output", sandbox.output, "--force", "--accel", "kvm"],
    ...["--set", `machine.arch=${other}`],
  );
  expect(ended.exitCode).toBe(3);
  // Errors are wrapped into lines.
  expect(ended.stderr.replaceAll(/\s+/g, " ")).toContain(
    `KVM cannot run a guest with machine.arch ${other}`,
  );
});
