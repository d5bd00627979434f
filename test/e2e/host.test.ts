/** Errors that end a run before a guest boots. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findKvmProblem } from "../../src/machine/accelerator.js";
import type { Sandbox } from "../support/e2e.js";
import { createSandbox, processesOf } from "../support/e2e.js";
import { startFileServer } from "../support/http-server.js";
import { sha256Of } from "../support/inputs.js";
import { SMALL_SHAPE } from "../support/machine.js";

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

/** Creates a disk of 8 MiB with random data, to be downloaded. */
async function noisyImage(): Promise<Buffer> {
  const path = join(sandbox.folder, "noise.qcow2");
  const raw = join(sandbox.folder, "noise.raw");
  execFileSync("dd", ["if=/dev/urandom", `of=${raw}`, "bs=1M", "count=8", "status=none"]);
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, path]);
  return readFile(path);
}

describe("a base behind an address", () => {
  it("resumes an interrupted download, and boots from it", async () => {
    await using server = await startFileServer();
    const content = await noisyImage();
    const url = server.serve("/base.qcow2", { content, etag: '"1"' });
    server.injectFaults("/base.qcow2", { kind: "cut", after: 3_000_000 });
    const base = { url, checksum: sha256Of(content) };
    // QEMU refuses to start, so no boot is needed to show that the base was complete.
    const machine = { arguments: ["-device", "no-such-device"] };
    const template = await sandbox.template({ name: "resume", base, machine });
    sandbox.env["XDG_CACHE_HOME"] = join(sandbox.folder, "cache");
    const { exitCode, stderr } = await sandbox.build(template).ended;
    expect(stderr).toContain("base done");
    expect(exitCode).toBe(5);
    const requests = server.requestsOf("/base.qcow2");
    expect(requests.map(({ status }) => status)).toEqual([200, 206]);
    expect(requests[1]?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it("refuses one with another checksum, and reports both", async () => {
    await using server = await startFileServer();
    const content = await noisyImage();
    const url = server.serve("/base.qcow2", content);
    const expected = "0".repeat(64);
    const base = { url, checksum: `sha256:${expected}` };
    const template = await sandbox.template({ name: "wrong-sum", base });
    sandbox.env["XDG_CACHE_HOME"] = join(sandbox.folder, "cache");
    const { exitCode, stderr } = await sandbox.build(template).ended;
    expect(exitCode).toBe(4);
    expect(stderr).toContain("[INPUT_CHECKSUM]");
    expect(stderr).toContain(expected);
    expect(stderr).toContain(sha256Of(content).slice("sha256:".length));
    expect(stderr).not.toContain("QEMU tcg, process");
  });
});

describe("a machine that does not start", () => {
  it("fails with QEMU's error", async () => {
    const machine = { arguments: ["-device", "no-such-device"] };
    const template = await sandbox.template({ name: "refused", machine });
    const { exitCode, stderr } = await sandbox.build(template).ended;
    expect(exitCode).toBe(5);
    expect(stderr).toContain("[MACHINE_START]");
    expect(stderr).toContain("'no-such-device' is not a valid device model name");
    expect(await processesOf(sandbox.folder)).toEqual([]);
  });

  it("fails within seconds where KVM is required but not available", async (context) => {
    const problem = await findKvmProblem({ ...SMALL_SHAPE, cpuModel: "host" });
    if (!problem) context.skip("KVM works here");
    const template = await sandbox.template({ name: "no-kvm" });
    const { exitCode, stderr } = await sandbox.build(template, "--accel", "kvm").ended;
    expect(exitCode).toBe(3);
    expect(stderr).toContain("[HOST_KVM_UNUSABLE]");
    // Hints are wrapped into lines.
    expect(stderr.replaceAll(/\s+/g, " ")).toContain("--accel tcg");
    expect(stderr).not.toMatch(/QEMU kvm, process/);
  });
});
