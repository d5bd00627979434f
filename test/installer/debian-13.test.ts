/** Installs Debian 13 with its real installer, and builds on the installed system. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readPublished } from "../../src/artifact/published.js";
import { hostSources } from "../../src/base/bootstrap/sources.js";
import { waitForConsoleText } from "../../src/machine/console-text.js";
import { findFreePort } from "../../src/machine/ports.js";
import { completedInstaller } from "../support/completed-installer.js";
import type { Sandbox } from "../support/e2e.js";
import { createSandbox, eventually, requireDone } from "../support/e2e.js";

const NAME = "debian-13-preseed";
const IMAGE = `${NAME}-1.0.0.qcow2`;
const BOOT_LIMIT_MS = 10 * 60_000;
let sandbox: Sandbox;
let template: string;
let options: string[];

/** Returns the host from which this host's apt gets security updates; empty where it is unknown. */
async function securityMirror(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vmb-sources-"));
  try {
    const sources = await hostSources("trixie", folder, new AbortController().signal);
    const uri = sources.find(({ suite }) => suite === "trixie-security")?.uri;
    return uri === undefined ? "" : new URL(uri).host;
  } finally {
    await rm(folder, { recursive: true });
  }
}

beforeAll(async () => {
  const installer = await completedInstaller();
  sandbox = await createSandbox({ boots: true });
  // Without an installation of an earlier run.
  sandbox.env["XDG_CACHE_HOME"] = join(sandbox.folder, "cache");
  const appliances = join(sandbox.folder, "appliances");
  await mkdir(appliances);
  for (const name of ["debian-12-preseed", NAME]) {
    await cp(resolve("appliances", name), join(appliances, name), { recursive: true });
  }
  template = join(appliances, NAME, `${NAME}.json`);
  const variables = [`installer=${installer}`, `securityMirror=${await securityMirror()}`];
  options = ["--accel", "tcg", ...variables.flatMap((variable) => ["--var", variable])];
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

it("installs without a question, and runs the steps on the installed system", async () => {
  const ended = await sandbox.build(template, ...options).ended;
  requireDone(ended);
  expect(ended.stderr).toContain("Installing from linux");
  expect(ended.stderr).toMatch(/GET \/preseed\.cfg 200 \d+ bytes/);
  expect(ended.stderr).toMatch(/GET \/authorized_keys 200 \d+ bytes/);
  expect(ended.stderr).toContain("install done");
  expect(ended.stderr).not.toContain("may be waiting for an answer");
  const { steps } = await readPublished(sandbox.output);
  expect(steps.map(({ name }) => name)).toEqual(["first-boot", "cleanup"]);
});

it("uses the installed system again after a change of the last step", async () => {
  const text = await readFile(template, "utf8");
  await writeFile(template, text.replace("apt-get clean", "apt-get clean && touch /var/again"));
  const ended = await sandbox.build(template, ...options).ended;
  requireDone(ended);
  expect(ended.stderr).not.toContain("Installing from");
  expect(ended.stderr).toContain("cleanup");
});

it("boots the finished image, which generates SSH host keys of its own", async () => {
  const console = join(sandbox.folder, "console.log");
  const port = await findFreePort();
  const { child } = sandbox.start(
    ...["boot", template, "--output", sandbox.output, ...options],
    ...["--console", console, "--forward", `${port}:22`],
  );
  const { signal } = new AbortController();
  const wait = { path: console, from: 0, timeoutMs: BOOT_LIMIT_MS, signal };
  await waitForConsoleText({ ...wait, pattern: "debian login: " });
  // The last step has removed the installer's keys, without which sshd does not start.
  await eventually(async () => {
    const scan = ["-T", "60", "-t", "ed25519", "-p", String(port), "127.0.0.1"];
    const { stdout } = await execa("ssh-keyscan", scan, { reject: false });
    return stdout.includes(" ssh-ed25519 ");
  });
  child.kill("SIGTERM");
  expect(await readFile(join(sandbox.output, `${IMAGE}.sha256`), "utf8")).toContain(IMAGE);
});
