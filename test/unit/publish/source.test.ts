/** The file of an artifact that is published. */
import { expect, it } from "vitest";
import type { Manifest } from "../../../src/artifact/manifest.js";
import { openSource, presentFile } from "../../../src/publish/source.js";
import { exampleManifest } from "../artifact/example.js";
import { load, templateText } from "../template/support.js";

const image = { size: 7, virtualSize: 7, checksums: {} };

function manifestOf(more: Partial<Manifest> = {}): Manifest {
  const files = [{ ...image, name: "demo-1.0.0.raw", format: "raw" }];
  return { ...exampleManifest(), name: "demo", files, ...more };
}

it("is never the image of a further disk", () => {
  const further = { ...image, name: "demo-1.0.0-data.qcow2", format: "qcow2", disk: "data" };
  const manifest = manifestOf({ files: [...manifestOf().files, further] });
  expect(presentFile({ folder: "/o", manifest }, {})?.name).toBe("demo-1.0.0.raw");
  expect(presentFile({ folder: "/o", manifest }, { format: "qcow2" })).toBeUndefined();
});

it("has no format that describes a machine of another architecture", async () => {
  const template = await load(templateText());
  const artifact = { folder: "/o", manifest: manifestOf({ arch: "aarch64" }), template };
  const context = { emit: () => {}, signal: new AbortController().signal };
  await expect(openSource(artifact, { format: "ova" }, context)).rejects.toMatchObject({
    code: "USAGE",
    message:
      "--format ova: the format describes a machine with arch x86_64, but demo is for aarch64",
    hint: expect.stringContaining("qcow2 or raw") as string,
  });
});
