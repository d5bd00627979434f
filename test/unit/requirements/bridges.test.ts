import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { allowsBridge, requireBridges } from "../../../src/requirements/bridges.js";

it.each([
  ["allow br0", true],
  ["# allow br0", false],
  ["allow all", true],
  ["allow br1\nallow  br0 ", true],
  ["allow all\ndeny br0", false],
  ["deny all\nallow br0", false],
  ["", false],
  ["include /etc/qemu/alice.conf", undefined],
])("reads bridge.conf: %j", (text, allowed) => {
  expect(allowsBridge(text, "br0")).toBe(allowed);
});

describe("a machine on a bridge", () => {
  let folder: string;
  const networks = [
    { kind: "bridge", model: "virtio-net-pci", mac: "52:54:00:00:00:01", bridge: "br0" },
  ] as const;
  const paths = () => ({
    helpers: [join(folder, "helper")],
    configuration: join(folder, "bridge.conf"),
    interfaces: join(folder, "net"),
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "vmb-bridges-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("names what is missing on the host, one after the other", async () => {
    const check = () => requireBridges({ networks }, paths());
    await expect(check()).rejects.toMatchObject({
      code: "HOST_PROGRAM_MISSING",
      message: "qemu-bridge-helper is not installed",
    });
    await writeFile(join(folder, "helper"), "");
    await expect(check()).rejects.toMatchObject({
      code: "HOST_UNSUPPORTED",
      message: "This host has no bridge br0",
    });
    await mkdir(join(folder, "net/br0/bridge"), { recursive: true });
    await expect(check()).rejects.toMatchObject({
      message: `${join(folder, "bridge.conf")} does not exist`,
    });
    await writeFile(join(folder, "bridge.conf"), "allow virbr0\n");
    await expect(check()).rejects.toMatchObject({
      message: `${join(folder, "bridge.conf")} does not allow the bridge br0`,
    });
    await writeFile(join(folder, "bridge.conf"), "allow br0\n");
    await check();
  });

  it("is the only one that needs any of it", async () => {
    await expect(requireBridges({}, paths())).resolves.toBeUndefined();
  });
});
