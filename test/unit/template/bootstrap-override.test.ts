/** `--base bootstrap`: a base from Debian's packages, of the release that the template names. */
import { describe, expect, it } from "vitest";
import { BOOTSTRAP_OVERRIDE } from "../../../src/template/bootstrap-override.js";
import type { LoadOptions } from "../../../src/template/load.js";
import { load, templateText } from "./support.js";

const OVERRIDES: LoadOptions = { overrides: [BOOTSTRAP_OVERRIDE] };

const cloudImage = (address: string): object => ({
  url: address,
  checksum: `sha256:${"0".repeat(64)}`,
});

describe("--base bootstrap", () => {
  it.each([
    ["trixie/latest/debian-13-generic-amd64.qcow2", ["linux-image-amd64"]],
    ["trixie/20261112-2294/debian-13-nocloud-arm64-20261112-2294.raw", ["linux-image-arm64"]],
    ["trixie/debian-13-genericcloud-amd64.tar.xz", []],
    [
      "trixie/daily/20261112-2294/debian-13-generic-amd64-daily-20261112-2294.qcow2",
      ["linux-image-amd64"],
    ],
  ])("takes the release and the kernel from %s", async (image, packages) => {
    const base = cloudImage(`https://cloud.debian.org/images/cloud/${image}`);
    const template = await load(templateText({ base }), OVERRIDES);
    expect(template.base).toMatchObject({ bootstrap: { suite: "trixie", packages } });
    expect(template.originOf(["base"])).toEqual({ option: "--base bootstrap" });
  });

  it("takes the release from a variable in the address", async () => {
    const address =
      "https://cloud.debian.org/images/cloud/${var.suite}/latest/debian-13-generic-amd64.qcow2";
    const text = templateText({
      variables: { suite: { default: "trixie" } },
      base: cloudImage(address),
    });
    const options = { ...OVERRIDES, variables: { suite: "forky" } };
    expect((await load(text, options)).base).toMatchObject({ bootstrap: { suite: "forky" } });
  });

  it("applies to a base that another option set before", async () => {
    const value = cloudImage(
      "https://cloud.debian.org/images/cloud/forky/daily/debian-14-generic-amd64-daily.qcow2",
    );
    const options = {
      overrides: [{ source: "--set base", path: ["base"], value }, BOOTSTRAP_OVERRIDE],
    };
    const { base } = await load(templateText(), options);
    expect(base).toMatchObject({ bootstrap: { suite: "forky" } });
  });

  it.each([{ bootstrap: { suite: "bookworm", packages: ["nginx"] } }, { appliance: "debian-13" }])(
    "leaves %j as it is",
    async (base) => {
      const template = await load(templateText({ base }), OVERRIDES);
      expect(template.base).toMatchObject(base);
      expect(template.originOf(["base"])).not.toHaveProperty("option");
    },
  );

  it.each([
    [cloudImage("https://cloud-images.ubuntu.com/noble/current/noble-server-cloudimg-amd64.img")],
    [{ path: "debian-12.qcow2" }],
    ["bookworm"],
  ])("refuses %j", async (base) => {
    await expect(load(templateText({ base }), OVERRIDES)).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringMatching(/^--base bootstrap: base names no Debian release: /) as string,
    });
  });

  it("leaves such bases as they are where a template is one of many", async () => {
    const options = { ...OVERRIDES, ignoreUndeclared: true };
    const template = await load(templateText({ base: { path: "debian-12.qcow2" } }), options);
    expect(template.base).toEqual({ path: "debian-12.qcow2" });
  });
});
