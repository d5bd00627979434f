/** Commands on a template with several image formats. */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatManifest } from "../../../src/artifact/manifest.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";
import { exampleManifest } from "../../unit/artifact/example.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
  const formats = [
    { format: "vmdk", subformat: "streamOptimized" },
    { format: "raw", pack: "xz" },
  ];
  await home.write({
    "t.json": { name: "t", base: { path: "x.img" }, output: { format: "ova", formats } },
  });
});
afterEach(() => home[Symbol.asyncDispose]());

it("inspect lists every image with its checksum files", async () => {
  const { stdout } = await home.run("inspect", "t.json");
  expect(stdout).toContain("output (ova; vmdk, streamOptimized; raw, xz)");
  const files = stdout
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("output/t/"));
  expect(files).toEqual([
    ...["output/t/t-0.0.0.ova", "output/t/t-0.0.0.ova.sha256", "output/t/t-0.0.0.ova.md5"],
    ...["output/t/t-0.0.0.vmdk", "output/t/t-0.0.0.vmdk.sha256", "output/t/t-0.0.0.vmdk.md5"],
    ...["output/t/t-0.0.0.raw.xz", "output/t/t-0.0.0.raw.xz.sha256"],
    ...["output/t/t-0.0.0.raw.xz.md5", "output/t/manifest.json"],
    ...["output/t/packages.txt", "output/t/sbom.cdx.json"],
  ]);
});

describe("a finished artifact", () => {
  /** Writes an artifact with one file for each format. */
  async function publish(...files: { format: string; pack?: "xz" }[]): Promise<void> {
    const described = files.map((file, index) => {
      const name = `file-${index}`;
      const sha256 = createHash("sha256").update(name).digest("hex");
      return { name, ...file, size: name.length, checksums: { sha256 } };
    });
    const manifest = formatManifest({ ...exampleManifest(), name: "t", files: described });
    await home.write({
      "output/t/manifest.json": manifest,
      ...Object.fromEntries(described.map(({ name }) => [`output/t/${name}`, name])),
      ...Object.fromEntries(
        described.map(({ name, checksums }) => [
          `output/t/${name}.sha256`,
          `${checksums.sha256}  ${name}\n`,
        ]),
      ),
    });
  }

  it("is refused by boot when no machine can start from any image", async () => {
    await publish({ format: "ova" }, { format: "raw", pack: "xz" });
    const { exitCode, stderr } = await home.run("boot", "t.json");
    expect(exitCode).toBe(4);
    const text = stderr.replaceAll(/\s+/g, " ");
    expect(text).toContain("cannot be booted (ova; raw, packed as xz)");
    expect(text).toContain("Build it as one of: qcow2, raw, vmdk, vhdx, vdi, without output.pack.");
  });

  it("is incomplete without one of its images", async () => {
    await publish({ format: "qcow2" }, { format: "ova" });
    await rm(join(home.folder, "output/t/file-1"));
    const { exitCode, stderr } = await home.run("boot", "t.json");
    expect(exitCode).toBe(4);
    expect(stderr).toContain("file-1 is missing");
  });
});
