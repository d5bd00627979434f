/** The command line on hosts with problems: an error with exit code 3. */
import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";

const MAIN = fileURLToPath(new URL("../../../dist/bin/vmbuild.js", import.meta.url));
const PATH = process.env["PATH"] ?? "/usr/bin:/bin";
/** User ID that is not in the password database. */
const NOBODY = 54_321;

/**
 * Returns whether this test can switch to another user, who can run Node and read the compiled
 * files.
 */
async function canBeNobody(): Promise<boolean> {
  const { exitCode } = await execa("setpriv", asNobody(process.execPath, MAIN, "--version"), {
    reject: false,
    cwd: "/",
  });
  return exitCode === 0;
}

function asNobody(...commandLine: string[]): string[] {
  return [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--", ...commandLine];
}

const nobody = await canBeNobody();

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
  const base = join(home.folder, "base.qcow2");
  await execa("qemu-img", ["create", "-q", "-f", "qcow2", base, "16M"]);
  const common = {
    version: "1.0.0",
    machine: { cpus: 1, memory: "128M", disk: "64M", accelerator: "tcg" },
    ssh: { timeout: "20s" },
    output: { directory: join(home.folder, "out") },
    steps: [{ name: "one", actions: [{ run: "true" }] }],
  };
  const url = { url: "http://127.0.0.1:9/x.qcow2", checksum: "none" };
  await home.write({
    "local.json": { ...common, name: "local", base: { path: "base.qcow2" } },
    "far.json": { ...common, name: "far", base: url },
  });
});
afterEach(() => home[Symbol.asyncDispose]());

it("refuses a version of Node.js that is too old", async () => {
  const older = "{ ...process.versions, node: '18.20.8' }";
  await home.write({
    "old.cjs": `Object.defineProperty(process, "versions", { value: ${older} });`,
  });
  const NODE_OPTIONS = `--require=${join(home.folder, "old.cjs")}`;
  const { exitCode, stderr } = await home.runWith({ ...home.env, NODE_OPTIONS }, "list");
  expect(exitCode).toBe(3);
  expect(stderr).toContain("vmbuild requires Node.js 20.19 or later; this is 18.20.8");
});

describe("a run", () => {
  it("reports a variable with an invalid proxy address as a host error", async () => {
    const env = { ...home.env, http_proxy: "http://me:hunter2@proxy:99999" };
    const { exitCode, stderr } = await home.runWith(env, "run", "far.json");
    expect(exitCode).toBe(3);
    expect(stderr).toContain("http_proxy is not a valid proxy address");
    expect(stderr).not.toContain("hunter2");
  });

  it("uses another folder for sockets where paths are too long", async () => {
    const long = join(home.folder, "l".repeat(100));
    await mkdir(long, { mode: 0o700 });
    const env = { ...home.env, XDG_RUNTIME_DIR: long, TMPDIR: long };
    const { exitCode, stderr } = await home.runWith(env, "run", "local.json");
    // QEMU was started: it reported that the disk is not bootable.
    expect(stderr).toContain("No bootable device");
    expect(exitCode).toBe(6);
  });
});

describe("the process", () => {
  /** Runs a command with additional code in the same process. */
  function runBeside(code: string, ...args: string[]): Promise<CliResult> {
    const url = `data:text/javascript,${encodeURIComponent(code)}`;
    return home.runWith({ ...home.env, NODE_OPTIONS: `--import ${url}` }, ...args);
  }

  it("exits with its complete output although a handle is open", async () => {
    const left = 'const { createServer } = await import("net"); createServer().listen(0);';
    const { exitCode, stdout } = await runBeside(left, "schema");
    expect(JSON.parse(stdout)).toMatchObject({ title: "vmbuild template" });
    expect(exitCode).toBe(0);
    expect(await runBeside(left, "run", "missing.json")).toMatchObject({ exitCode: 2 });
  });

  it("exits with the error of an unhandled rejection", async () => {
    // Runs once vmbuild listens.
    const late = `const timer = setInterval(() => {
      if (process.listenerCount("uncaughtException") === 0) return;
      clearInterval(timer);
      throw new Error("too late to be caught");
    }, 1); (await import("net")).createServer().listen(0);`;
    const { exitCode, stderr } = await runBeside(late, "doctor", "--accel", "tcg");
    expect(stderr).toContain("error: too late to be caught [DEFECT]");
    expect(exitCode).toBe(1);
  });
});

describe("a current folder that was removed", () => {
  async function there(...args: string[]): Promise<CliResult> {
    const gone = join(home.folder, "gone");
    await mkdir(gone);
    const script = 'cd "$1" && rmdir "$1" && shift && exec "$@"';
    const commandLine = ["-c", script, "sh", gone, process.execPath, MAIN, ...args];
    const { exitCode, stdout, stderr } = await execa("sh", commandLine, {
      env: home.env,
      extendEnv: false,
      reject: false,
    });
    return { exitCode, stdout, stderr };
  }

  it("does not affect commands that do not need one", async () => {
    const template = join(home.folder, "local.json");
    for (const args of [["schema"], ["--help"], ["list"], ["validate", template]]) {
      expect(await there(...args)).toMatchObject({ exitCode: 0 });
    }
    expect((await there("inspect", template)).stdout).toContain("-blockdev");
  });

  it.each([
    ["run", "local.json"],
    ["validate", "local.json"],
    ["init", "x"],
  ])("is a host error for %s %s", async (...args) => {
    const { exitCode, stderr } = await there(...args);
    expect(stderr).toContain("The current folder no longer exists [HOST_FOLDER]");
    expect(exitCode).toBe(3);
  });

  it("is reported by doctor", async () => {
    const { exitCode, stdout } = await there("doctor", "--accel", "tcg");
    expect(stdout).toMatch(/fail {2}current folder +it no longer exists/);
    expect(exitCode).toBe(3);
  });
});

describe.runIf(nobody)("a user without an entry in the password database", () => {
  beforeEach(async () => {
    await chmod(join(home.folder, ".."), 0o755);
    await chmod(home.folder, 0o755);
  });

  async function run(env: Record<string, string>, ...args: string[]): Promise<CliResult> {
    const commandLine = asNobody(process.execPath, MAIN, ...args);
    const { exitCode, stdout, stderr } = await execa("setpriv", commandLine, {
      env: { PATH, ...env },
      extendEnv: false,
      reject: false,
      cwd: home.folder,
    });
    return { exitCode, stdout, stderr };
  }

  it.each([
    ["no HOME", {}],
    ["HOME=/", { HOME: "/" }],
    ["a relative HOME", { HOME: "home" }],
    ["a HOME of somebody else", { HOME: "/root" }],
  ])("and with %s cannot build, and is told which variable helps", async (_, env) => {
    const { exitCode, stderr } = await run(env, "run", "local.json");
    expect(stderr).toContain("permission is denied");
    expect(stderr).toContain("[HOST_FOLDER]");
    expect(stderr).toContain("XDG_STATE_HOME=/another/folder");
    expect(exitCode).toBe(3);
  });

  it("can use templates and the schema without a writable folder", async () => {
    const env = { HOME: "/", TMPDIR: "/root", XDG_RUNTIME_DIR: "/root" };
    for (const args of [
      ["validate", "local.json"],
      ["inspect", "local.json"],
      ["schema"],
      ["--help"],
      ["list"],
      ["prune"],
    ]) {
      expect(await run(env, ...args)).toMatchObject({ exitCode: 0 });
    }
  });

  it("gets all problems from doctor", async () => {
    const env = { HOME: "/", TMPDIR: "/root", http_proxy: ":1", SSL_CERT_FILE: "/nonexistent" };
    const { exitCode, stdout } = await run(env, "doctor", "--accel", "tcg");
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/fail {2}state space[^]*XDG_STATE_HOME=\/elsewhere/);
    expect(stdout).toMatch(/fail {2}cache space[^]*XDG_CACHE_HOME=\/elsewhere/);
    expect(stdout).toMatch(/warn {2}temporary folder[^]*TMPDIR=\/elsewhere/);
    expect(stdout).toMatch(/warn {2}http proxy[^]*http_proxy/);
    expect(stdout).toMatch(/warn {2}certificates[^]*SSL_CERT_FILE/);
    expect(stdout).toContain("this user has no home");
  });

  it("can build with folders from variables", async () => {
    const own = join("/tmp", `vmbuild-nobody-${process.pid}`);
    await execa("setpriv", asNobody("mkdir", own));
    try {
      const env = { XDG_STATE_HOME: `${own}/s`, XDG_CACHE_HOME: `${own}/c`, XDG_RUNTIME_DIR: own };
      const { exitCode, stderr } = await run(env, "run", "local.json", "--output", `${own}/out`);
      expect(stderr).toContain("No bootable device");
      expect(exitCode).toBe(6);
    } finally {
      await rm(own, { recursive: true });
    }
  });

  it("gets an error for the folder of root's build", async () => {
    await home.run("run", "far.json", "--offline");
    const state = join(home.folder, "..", "state");
    for (const path of [state, join(state, "vmbuild"), home.builds, join(home.builds, "far")]) {
      await chmod(path, 0o755);
    }
    const { exitCode, stderr } = await run({ XDG_STATE_HOME: state }, "run", "far.json");
    expect(stderr).toContain(`${state}/vmbuild/builds/far/runs cannot be used`);
    expect(exitCode).toBe(3);
  });
});
