/** The software bill of materials, judged by CycloneDX's own schema. */
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { describe, expect, it } from "vitest";
import type { InstalledPackage } from "../../../src/packages/list.js";
import { formatSbom, packageUrl } from "../../../src/packages/sbom.js";

const os = {
  ID: "debian",
  VERSION_ID: "12",
  PRETTY_NAME: "Debian GNU/Linux 12 (bookworm)",
};
const bash: InstalledPackage = {
  ...{ type: "deb", name: "bash", version: "5.2.15-2+b7", arch: "amd64" },
  source: { name: "bash", version: "5.2.15-2" },
  ...{ supplier: "Somebody <s@x.org>", summary: "GNU Bourne Again SHell" },
};
const zlib: InstalledPackage = { type: "deb", name: "zlib1g", version: "1:1.2.13", arch: "amd64" };
const bind: InstalledPackage = {
  ...{ type: "rpm", name: "bind", version: "32:9.16.23-18.el9", arch: "x86_64" },
  license: "MPLv2.0",
};
const image = {
  ...{ name: "demo", version: "1.0.0", created: "2026-01-02T03:04:05.678Z", tool: "0.1.0" },
  checksums: { sha256: "a".repeat(64), md5: "b".repeat(32) },
};

describe("packageUrl", () => {
  it.each([
    [
      bash,
      os,
      "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12&upstream=bash%405.2.15-2",
    ],
    [zlib, os, "pkg:deb/debian/zlib1g@1%3A1.2.13?arch=amd64&distro=debian-12"],
    [
      bind,
      { ID: "rocky", VERSION_ID: "9.4" },
      "pkg:rpm/rocky/bind@9.16.23-18.el9?arch=x86_64&distro=rocky-9.4&epoch=32",
    ],
  ])("names a package: %#", (one, system, url) => {
    expect(decodeURIComponent(packageUrl(one, system))).toBe(decodeURIComponent(url));
  });
});

describe("formatSbom", () => {
  it("matches CycloneDX's schema", async () => {
    const text = formatSbom({ os, packages: [bash, zlib, bind, bash] }, image);
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(text)).toBeNull();
    const document = JSON.parse(text) as { components: { name: string; purl?: string }[] };
    expect(document.components.map(({ name }) => name)).toEqual([
      ...["debian", "bash", "zlib1g", "bind"],
    ]);
  });

  it("matches it without anything but a name", async () => {
    const bare = { ...image, checksums: {} };
    const text = formatSbom({ os: {}, packages: [zlib] }, bare);
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(text)).toBeNull();
  });

  it("has the same serial number for the same image, and another for another", () => {
    const serial = (packages: InstalledPackage[], created = image.created): string => {
      const text = formatSbom({ os, packages }, { ...image, created });
      return (JSON.parse(text) as { serialNumber: string }).serialNumber;
    };
    expect(serial([bash])).toBe(serial([bash], "2026-02-02T00:00:00.000Z"));
    expect(serial([bash])).not.toBe(serial([zlib]));
    expect(serial([bash])).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab]/);
  });
});
