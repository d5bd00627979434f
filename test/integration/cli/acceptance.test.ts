/** `vmbuild test` and `vmbuild boot` without a guest. */
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatManifest } from "../../../src/artifact/manifest.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { exampleManifest } from "../../unit/artifact/example.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
  const machine = { accelerator: "tcg", memory: "128M" };
  const checks = [{ name: "up", http: "/", within: "1h" }];
  await home.write({
    "t.json": { name: "t", base: { path: "x" }, machine, acceptance: { checks } },
    "bare.json": { name: "bare", base: { path: "x" }, machine },
    "bad.json": {
      name: "bad",
      base: { path: "base.qcow2" },
      acceptance: {
        endpoint: { ca: "none.pem" },
        checks: [{ name: "syntax", run: "if true" }],
        rounds: [{ name: "again", checks: [{ name: "later", run: "echo (" }] }],
      },
    },
    "base.qcow2": "",
  });
});
afterEach(() => home[Symbol.asyncDispose]());

/** Publishes an empty disk as a finished image: a machine starts from it but cannot boot. */
async function publishEmpty(): Promise<void> {
  const file = { name: "t.qcow2", format: "qcow2", size: 0, checksums: {} };
  const path = join(home.folder, "output/t/t.qcow2");
  await home.write({ "output/t/t.qcow2": "" });
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, "64M"]);
  const size = Number(execFileSync("stat", ["-c", "%s", path], { encoding: "utf8" }));
  const manifest = { ...exampleManifest(), name: "t", files: [{ ...file, size }] };
  await home.write({ "output/t/manifest.json": formatManifest(manifest) });
}

describe("vmbuild validate", () => {
  it("checks the acceptance section too", async () => {
    const { exitCode, stderr } = await home.run("validate", "bad.json");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("acceptance.endpoint.ca: none.pem does not exist");
    expect(stderr).toMatch(/acceptance\.checks\[0\]\.run: .*[Ss]yntax error/);
    expect(stderr).toMatch(/acceptance\.rounds\[0\]\.checks\[0\]\.run: .*[Ss]yntax error/);
  });
});

describe("vmbuild test", () => {
  it.each([
    [["bare.json"], 2, "has no acceptance section"],
    [["t.json"], 4, "has no finished image"],
    [["t.json", "--context", "A"], 2, "--context A: write KEY=VALUE"],
    [["t.json", "--context", "=1"], 2, "--context =1: write KEY=VALUE"],
  ])("%j ends with %i", async (args, exit, words) => {
    const { exitCode, stdout, stderr } = await home.run("test", ...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: exit, stdout: "" });
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(words);
  });

  it.each([
    ["A-B=1", "A-B is not a valid name for a CONTEXT variable"],
    ["ETH0_IP=10.9.9.9", "is not in the machine's network, 10.0.2.0/24"],
  ])("refuses --context %s", async (value, words) => {
    await publishEmpty();
    const { exitCode, stderr } = await home.run("test", "t.json", "--context", value);
    expect(exitCode).toBe(2);
    expect(stderr.replaceAll(/\s+/g, " ")).toContain(words);
  });

  it("fails each check of an image that does not boot: exit code 8, nothing left behind", async () => {
    await publishEmpty();
    const ended = await home.run("test", "t.json", "--context", "ETH0_METHOD=dhcp");
    expect(ended.exitCode).toBe(8);
    expect(ended.stdout).toMatch(/\[FAIL\] up -- .*No bootable device/);
    expect(ended.stdout).toContain("Result: 0/1 tests passed");
    const left = execFileSync("ls", ["-A", home.runtime], { encoding: "utf8" });
    expect(left).toBe("");
  });
});

describe("vmbuild boot", () => {
  it("reports a forwarded port that is in use", async () => {
    await publishEmpty();
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { exitCode, stderr } = await home.run("boot", "t.json", "--forward", `${port}:80`);
    server.close();
    expect(exitCode).toBe(5);
    expect(stderr).toContain(`Port ${port} of 127.0.0.1 is in use`);
  });
});
