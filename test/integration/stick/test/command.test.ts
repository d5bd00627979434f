/** Arguments and errors of `vmbuild test --installer`, without a machine. */
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answersSsh } from "../../../../src/stick/test/banner.js";
import { makeCliHome } from "../../../support/cli.js";
import type { CliHome, CliResult } from "../../../support/cli.js";

let home: CliHome;
let temporary: string;
beforeAll(async () => {
  home = await makeCliHome();
  temporary = join(home.folder, "temporary");
  await mkdir(temporary);
  const base = { bootstrap: { suite: "bookworm" } };
  await home.write({ "node.json": { name: "node", base, steps: [] }, "disk.img": "no stick" });
});
afterAll(() => home[Symbol.asyncDispose]());

const test = (...args: string[]): Promise<CliResult> =>
  home.runWith({ ...home.env, TMPDIR: temporary }, "test", ...args);

describe("vmbuild test --installer", () => {
  it("names the stick that is missing, and how to make it", async () => {
    const result = await test("node.json", "--installer");
    expect(result).toMatchObject({ exitCode: 4 });
    expect(result.stderr).toContain("[INPUT_MISSING]");
    expect(result.stderr).toContain("output/node-installer/node-installer.img");
    expect(result.stderr).toContain("vmbuild installer NAME");
  });

  it.each(["disk.img", "temporary"])("refuses %s, which is not a stick", async (file) => {
    const result = await test("any-name", "--installer", file);
    expect(result).toMatchObject({ exitCode: 2 });
    expect(result.stderr).toContain("is not the image of an installer stick");
    expect(await readdir(temporary)).toEqual([]);
  });

  it.each([
    [["--firmware", "coreboot"], "Allowed choices are bios, uefi, secure-boot."],
    [["--target", "ide"], "Allowed choices are nvme, sata, virtio."],
    [["--target-size", "large"], "--target-size large is not a size"],
    [["--timeout", "soon"], "--timeout soon is not a time"],
    [["--memory", "much"], "--memory much is not a size"],
    [["--console", "log"], "--console has no effect with --installer"],
    [["--seed"], "--seed has no effect with --installer"],
  ])("refuses %j", async (options, message) => {
    const result = await test("nodes", "--installer", "disk.img", ...options);
    expect(result).toMatchObject({ exitCode: 2, stdout: "" });
    expect(result.stderr).toContain(message);
  });

  it("refuses options that need it, and a name that is none", async () => {
    const without = await test("node.json", "--target", "nvme");
    expect(without).toMatchObject({ exitCode: 2 });
    expect(without.stderr).toContain("--target is valid with --installer only");
    const unnamed = await test("a/b", "--installer", "disk.img");
    expect(unnamed.stderr).toContain('"a/b" is not a valid name of a stick');
  });
});

describe("the SSH server of an installed system", () => {
  it.each([
    ["SSH-2.0-OpenSSH_9.2\r\n", true],
    ["220 mail.example.org\r\n", false],
    ["", false],
  ])("that says %j answers: %s", async (banner, answers) => {
    const server = createServer((socket) => socket.end(banner)).listen(0, "127.0.0.1");
    await new Promise((done) => server.once("listening", done));
    const { port } = server.address() as AddressInfo;
    const { signal } = new AbortController();
    expect(await answersSsh(port, signal)).toBe(answers);
    await new Promise((done) => server.close(done));
    expect(await answersSsh(port, signal)).toBe(false);
  });
});
