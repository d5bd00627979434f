/** Builds an image on a small guest of aarch64, resumes the build, and tests the image. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readPublished } from "../../src/artifact/published.js";
import type { Ended, Sandbox } from "../support/e2e.js";
import { createSandbox, requireDone } from "../support/e2e.js";
import { makeForeignGuest } from "../support/foreign-guest.js";

const PASSWORD = "Let me in, it's cold!";
let sandbox: Sandbox;
let folder: string;
let template: string;
let options: string[];
let first: Ended;

beforeAll(async () => {
  sandbox = await createSandbox({ boots: true });
  folder = await mkdtemp(join(tmpdir(), "vmb-aarch64-"));
  const guest = await makeForeignGuest("aarch64", folder, PASSWORD);
  template = await sandbox.template({
    name: "foreign",
    variables: { password: { sensitive: true }, mark: { default: "one" } },
    base: { path: guest.disk },
    ssh: { password: "${var.password}", timeout: "10m" },
    machine: { arch: "aarch64", memory: "256M", disk: "256M", arguments: guest.arguments },
    steps: [
      {
        name: "look",
        actions: [
          { run: ['test "$(uname -m)" = aarch64', "test -d /sys/firmware/efi"] },
          { run: "echo '::respawn:/usr/sbin/httpd -f -p 80 -h /srv/www' >>/etc/inittab" },
        ],
      },
      { name: "mark", actions: [{ write: "/srv/www/index.html", content: "${var.mark}\n" }] },
    ],
    acceptance: {
      endpoint: { scheme: "http" },
      checks: [{ name: "Page", http: "/", within: "5m", expect: { body: "^two\\n" } }],
    },
  });
  options = ["--var", `password=${PASSWORD}`];
  first = await sandbox.build(template, ...options).ended;
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

it("boots by UEFI, runs the steps, and records the architecture", async () => {
  requireDone(first);
  expect(await readPublished(sandbox.output)).toMatchObject({
    ...{ arch: "aarch64", accelerator: "tcg" },
    steps: [{ name: "look" }, { name: "mark" }],
  });
});

it("resumes from the checkpoint before a changed step", async () => {
  const ended = await sandbox.build(template, ...options, "--var", "mark=two").ended;
  requireDone(ended);
  expect(ended.stderr).toContain("the checkpoint after look");
});

it("passes its acceptance test", async () => {
  const ended = await sandbox.vmbuild("test", template, "--output", sandbox.output, ...options);
  requireDone(ended);
  expect(ended.stdout).toContain("1/1");
});

it("is not started as a guest of KVM on a host of another architecture", async () => {
  const other = process.arch === "arm64" ? "x86_64" : "aarch64";
  const kvm = ["--accel", "kvm", "--set", `machine.arch=${other}`];
  const ended = await sandbox.build(template, ...options, "--force", ...kvm).ended;
  expect(ended.exitCode).toBe(3);
  // Errors are wrapped into lines.
  const text = ended.stderr.replaceAll(/\s+/g, " ");
  expect(text).toContain(`KVM cannot run a guest with machine.arch ${other}`);
});
