/** Output that cannot be written is an error of every command; a reader that exits is not. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatManifest } from "../../../src/artifact/manifest.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { BOOT_SECTOR } from "../../support/images.js";
import { exampleManifest } from "../../unit/artifact/example.js";

const MAIN = join(import.meta.dirname, "../../../dist/bin/vmbuild.js");
const FULL =
  "error: Standard output could not be written; the result is incomplete: ENOSPC: no space left on device, write [HOST_OUTPUT]";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
  await home.write({
    "t.json": { name: "t", base: { path: "x.img" }, machine: { accelerator: "tcg" } },
    "bad.json": { name: "t" },
    [join(home.builds, "t/runs/20260214-170400-3f9a1c/run.json")]: {
      runId: "20260214-170400-3f9a1c",
      name: "t",
      version: "1",
      template: "t.json",
      pid: 1,
      startedAt: "2026-02-14T17:04:00.000Z",
      state: "failed",
    },
    [join(home.builds, "t/runs/20260214-170400-3f9a1c/events.ndjson")]:
      '{"v":1,"time":"2026-02-14T17:04:00.000Z","build":"t","type":"note","message":"hello"}\n',
  });
  await writeFile(join(home.folder, "x.img"), BOOT_SECTOR);
});
afterEach(() => home[Symbol.asyncDispose]());

/** Runs a shell command in which `vmbuild` is the compiled command line. */
async function shell(line: string) {
  const script = `vmbuild() { "$NODE" "$MAIN" "$@"; }\n${line}`;
  const env = { ...home.env, NODE: process.execPath, MAIN };
  const options = { cwd: home.folder, env, extendEnv: false, reject: false } as const;
  const { exitCode, stdout, stderr } = await execa("bash", ["-c", script], options);
  return { exitCode, stdout, stderr: stderr.replaceAll(/\s+/g, " ") };
}

describe("standard output on a full disk", () => {
  it.each([
    "schema",
    "--help",
    "--version",
    "help run",
    "completion bash",
    "list",
    "list --json",
    "list --names",
    "logs t",
    "logs t --json",
    "prune --dry-run --json",
    "inspect t.json",
    "inspect t.json --json",
    "validate t.json",
    "validate t.json --json",
    "checkpoints t.json --json",
    "init new",
  ])("fails vmbuild %s", async (command) => {
    const { exitCode, stderr } = await shell(`vmbuild ${command} >/dev/full`);
    expect(stderr).toContain(FULL);
    expect(exitCode).toBe(3);
  });

  it("does not change the exit code of a command that failed by itself", async () => {
    const { exitCode, stderr } = await shell("vmbuild validate bad.json --json >/dev/full");
    expect(exitCode).toBe(2);
    expect(stderr).toContain(FULL);
  });

  it("fails where standard output is not open for writing", async () => {
    const { exitCode, stderr } = await shell("vmbuild schema 1</dev/null");
    expect(exitCode).toBe(3);
    expect(stderr).toContain("EBADF: bad file descriptor, write [HOST_OUTPUT]");
  });

  it("reports it as JSON where errors are JSON", async () => {
    const { exitCode, stderr } = await shell(
      "vmbuild validate t.json --json --log-format json >/dev/full",
    );
    expect(exitCode).toBe(3);
    expect(JSON.parse(stderr)).toMatchObject({ type: "error", error: { code: "HOST_OUTPUT" } });
  });

  it("fails when only a part fits on the disk", async (context) => {
    const disk = join(home.folder, "disk");
    await mkdir(disk);
    const { exitCode: mounted } = await execa(
      "mount",
      ["-t", "tmpfs", "-o", "size=16k,mode=777", "tmpfs", disk],
      { reject: false },
    );
    if (mounted !== 0) context.skip("a file system cannot be mounted here");
    try {
      const { exitCode, stderr } = await shell("vmbuild schema >disk/schema.json");
      expect((await stat(join(disk, "schema.json"))).size).toBe(16_384);
      expect(exitCode).toBe(3);
      expect(stderr).toContain(FULL);
    } finally {
      execFileSync("umount", [disk]);
    }
  });
});

it("writes a result to a file in full", async () => {
  const { exitCode } = await shell("vmbuild schema >schema.json 2>errors");
  expect(exitCode).toBe(0);
  const { stdout } = await home.run("schema");
  expect(await readFile(join(home.folder, "schema.json"), "utf8")).toBe(`${stdout}\n`);
  expect(await readFile(join(home.folder, "errors"), "utf8")).toBe("");
});

it.each(["schema", "--help", "validate t.json --json", "logs t"])(
  "is silent when the reader of vmbuild %s exits",
  async (command) => {
    const { stdout, stderr } = await shell(
      `vmbuild ${command} | true\necho "\${PIPESTATUS[0]}"\nvmbuild ${command} | head -c 0`,
    );
    expect({ stdout, stderr }).toEqual({ stdout: "0", stderr: "" });
  },
);

it("fails when events in JSON cannot be written, and not for a display", async () => {
  const server = createServer((_request, response) => response.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const checks = [{ name: "up", http: "/" }];
  await home.write({ "v.json": { name: "v", base: { path: "x" }, acceptance: { checks } } });
  const verify = `vmbuild verify v.json --endpoint http://127.0.0.1:${port}`;
  try {
    expect((await shell(`${verify} --log-format json 2>/dev/full`)).exitCode).toBe(3);
    expect((await shell(`${verify} --log-format plain 2>/dev/full`)).exitCode).toBe(0);
    expect((await shell(`${verify} --log-format json 2> >(true)`)).exitCode).toBe(0);
  } finally {
    server.close();
  }
  // Without an event there was nothing to write.
  expect((await shell("vmbuild validate t.json --log-format json 2>/dev/full")).exitCode).toBe(0);
});

describe("the file of an option", () => {
  const checks = [{ name: "up", http: "/", timeout: "1s" }];
  const verify = "vmbuild verify v.json --endpoint http://127.0.0.1:1";

  beforeEach(async () => {
    const files = [{ name: "i", format: "raw", size: 4, checksums: {} }];
    await home.write({
      "v.json": { name: "v", base: { path: "x.img" }, acceptance: { checks } },
      file: "",
      "output/v/i": "new\n",
      "output/v/manifest.json": formatManifest({ ...exampleManifest(), name: "v", files }),
    });
  });

  it.each([
    [`${verify} --junit file/report.xml`, 3, "--junit: file/report.xml cannot be written: ENOTDIR"],
    [`${verify} --junit ''`, 2, "--junit: the file path is empty"],
    [`${verify} --junit .`, 2, "--junit: . is a folder"],
    ["vmbuild test v.json --junit output/v/i", 2, "/output/v/i belongs to the finished image"],
    [
      "vmbuild test v.json --console output/v/manifest.json",
      2,
      "/output/v/manifest.json belongs to the finished image",
    ],
    ["vmbuild boot v.json --console link/i", 2, "/link/i belongs to the finished image"],
    ["vmbuild boot v.json --console file/x", 3, "--console: file/x cannot be written: ENOTDIR"],
  ])("is looked at first: %s", async (line, code, message) => {
    const { exitCode, stderr } = await shell(`ln -s output/v link; ${line}`);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(code);
    expect(await readFile(join(home.folder, "output/v/i"), "utf8")).toBe("new\n");
  });

  it("is created with its folders, and may be a device", async () => {
    const { exitCode } = await shell(`${verify} --junit deep/er/report.xml`);
    expect(exitCode).toBe(8);
    expect(await readFile(join(home.folder, "deep/er/report.xml"), "utf8")).toContain("<testsuite");
    const full = await shell(`${verify} --junit /dev/full`);
    expect(full.stderr).toContain("--junit: /dev/full cannot be written: ENOSPC");
    expect(full.exitCode).toBe(3);
    expect((await stat("/dev/full")).isCharacterDevice()).toBe(true);
    const piped = await shell(`${verify} --json --junit /dev/stderr >/dev/null 2>out; cat out`);
    expect(piped.stdout).toContain("<testsuite");
    expect(existsSync("/dev/stderr")).toBe(true);
  });
});
