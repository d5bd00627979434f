/**
 * Bases that an installer creates. The installer is the stand-in; its system is the bootstrapped
 * base.
 */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readPublished } from "../../src/artifact/published.js";
import { bootstrapLocation, bootstrapSpec } from "../../src/base/cached-bootstrap.js";
import { createSandbox } from "../support/e2e.js";
import type { Ended, Sandbox } from "../support/e2e.js";
import { makeInstallerIso } from "../support/stand-in-installer.js";

let folder: string;
let iso: string;
let sandbox: Sandbox;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-install-"));
  const base = bootstrapLocation(bootstrapSpec({ suite: "bookworm", packages: [] }));
  iso = await makeInstallerIso(base, folder);
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  sandbox = await createSandbox({ boots: true });
  // Installed bases stay in the test's own cache, which both tests of installations share.
  sandbox.env["XDG_CACHE_HOME"] = join(folder, "cache");
  await mkdir(join(folder, "cache"), { recursive: true });
});
afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

const ANSWERS = "disk=/dev/vda\nkeys=${http.url}/authorized_keys\n";

/** Definition of a base that the stand-in installs; its answers are `content`. */
const installation = (content: string, more: object = {}): object => ({
  install: {
    iso: { path: iso },
    kernel: "iso:/boot/vmlinuz",
    initrd: "iso:/boot/initrd",
    commandLine: "console=ttyS0 quiet panic=-1 url=${http.url}/answers",
    cdBus: "virtio-scsi",
    http: {
      files: { answers: { content }, authorized_keys: { content: "${ssh.publicKey}\n" } },
    },
    ...more,
  },
});

const MACHINE = { memory: "1G", disk: "3G" };
const run = (name: string, command: string): object => ({ name, actions: [{ run: command }] });

/** Builds a template that is expected to fail, and returns its end. */
async function fails(base: object, machine: object = {}): Promise<Ended> {
  const template = await sandbox.template({
    name: "failing",
    base,
    machine: { ...MACHINE, ...machine },
  });
  const ended = await sandbox.build(template).ended;
  expect(ended.stderr).toContain("[BASE_INSTALL]");
  expect(ended.exitCode).toBe(4);
  return ended;
}

describe("an installer", () => {
  it("creates a base once, on which steps are built and changed", async () => {
    const steps = [run("one", "test -s /root/.ssh/authorized_keys"), run("two", "echo first")];
    const document = { name: "installed", base: installation(ANSWERS), machine: MACHINE, steps };
    const template = await sandbox.template(document);
    const first = await sandbox.build(template).ended;
    expect(first.stderr).toMatch(/GET \/answers 200 \d+ bytes/);
    expect(first.stderr).toMatch(/install done/);
    expect(first.exitCode).toBe(0);
    await readPublished(sandbox.output);

    await sandbox.template({ ...document, steps: [steps[0], run("two", "echo second")] });
    const second = await sandbox.build(template).ended;
    expect(second.exitCode).toBe(0);
    expect(second.stderr).toContain("second");
    expect(second.stderr).not.toMatch(/Installing from|GET \/answers/);
    expect(second.stderr).not.toContain("[1/2] one done");

    // The image has neither the key of the base nor that of the build.
    const seen = await sandbox.vmbuild(
      ...["boot", template, "--output", sandbox.output, "--console", join(folder, "console")],
      ...["--seed", "--", "ls /root/.ssh/authorized_keys || true"],
    );
    expect(seen.stdout).not.toContain("vmbuild-base-key");

    // Without steps and seal the installed disk is the image.
    const plain = await sandbox.template({ ...document, name: "plain", steps: [], seal: false });
    const third = await sandbox.build(plain, "--output", join(folder, "plain")).ended;
    expect(third.exitCode).toBe(0);
    expect(third.stderr).toContain("it is not booted");
    expect(third.stderr).not.toContain("QEMU tcg, process");
    await readPublished(join(folder, "plain"));
  });

  it("is answered at the keyboard, and ends when the system it restarts into accepts SSH", async () => {
    const typed = installation(`${ANSWERS}end=reboot\n`, {
      end: "ssh",
      commandLine: "console=ttyS0 quiet panic=-1",
      bootCommand: [
        { waitForText: "Location of the answers:", timeout: "5m" },
        "${http.url}/answers<enter>",
      ],
    });
    const template = await sandbox.template({
      ...{ name: "typed", base: typed, machine: MACHINE, steps: [], seal: false },
    });
    const ended = await sandbox.build(template).ended;
    expect(ended.stderr).toContain("Typing the boot command");
    expect(ended.stderr).toMatch(/GET \/answers 200 \d+ bytes/);
    // The first machine ends with the installer; the second one starts the installed disk.
    expect(ended.stderr.match(/QEMU tcg, process/g)).toHaveLength(2);
    expect(ended.exitCode).toBe(0);
  });
});

describe("an installation fails", () => {
  it("when the server does not have a file, which the error names", async () => {
    const base = installation(ANSWERS.replace("authorized_keys", "missing"));
    const { stderr } = await fails(base);
    expect(stderr).toContain("The installer asked for /missing");
    expect(stderr).toContain("!! ERROR: The keys cannot be fetched");
    expect(stderr).toContain("not served: /missing (404)");
    const [, screen = ""] = /screen: (\S+\.png)/.exec(stderr) ?? [];
    expect((await readFile(screen)).subarray(1, 4).toString()).toBe("PNG");
  });

  it("when it waits for an answer, with its last lines and its screen", async () => {
    const base = installation("end=poweroff\n", { timeout: "90s" });
    const { stderr } = await fails(base);
    expect(stderr).toContain("did not finish within 1m 30s (base.install.timeout)");
    expect(stderr).toContain("Partition disks: which disk?");
    expect(stderr).toMatch(/screen: \S+\.png/);
  });

  it("when the disk is too small, or a line of the console matches failOn", async () => {
    const small = await fails(installation(ANSWERS), { disk: "300M" });
    expect(small.stderr).toContain("!! ERROR: No space left on device");
    const matched = await fails(
      installation(`${ANSWERS}# other\n`, { failOn: ["^Installing to /dev/v.a"] }),
    );
    expect(matched.stderr).toContain("The installer failed: Installing to /dev/vda");
  });

  it("when it ends in another way than the template says", async () => {
    const { stderr } = await fails(installation(`${ANSWERS}end=reboot\n`));
    expect(stderr).toContain('base.install.end is "poweroff"');
  });

  it("before any machine starts, when the medium has a wrong checksum", async () => {
    const wrong = { url: `file://${iso}`, checksum: `sha256:${"0".repeat(64)}` };
    const template = await sandbox.template({
      name: "wrong",
      base: installation(ANSWERS, { iso: wrong }),
    });
    const { exitCode, stderr } = await sandbox.build(template).ended;
    expect(stderr).toContain("[INPUT_CHECKSUM]");
    expect(exitCode).toBe(4);
    expect(stderr).not.toContain("QEMU tcg, process");
    expect(existsSync(sandbox.output)).toBe(false);
  });
});
