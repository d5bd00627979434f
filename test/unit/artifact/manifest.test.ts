import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  diskFiles,
  formatManifest,
  readManifest,
  startableFile,
} from "../../../src/artifact/manifest.js";
import { exampleManifest } from "./example.js";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-manifest-"));
  path = join(folder, "manifest.json");
});
afterEach(() => rm(folder, { recursive: true }));

describe("manifest.json", () => {
  it("reads back as it was written", async () => {
    await writeFile(path, formatManifest(exampleManifest()));
    expect(await readManifest(path)).toEqual(exampleManifest());
  });

  it("does not depend on the order of its creation", () => {
    const { name, ...rest } = exampleManifest();
    expect(formatManifest({ ...rest, name })).toBe(formatManifest(exampleManifest()));
  });

  it("is read with fields that a later version may add", async () => {
    await writeFile(path, JSON.stringify({ ...exampleManifest(), signature: "…" }));
    expect(await readManifest(path)).toEqual(exampleManifest());
  });

  it("is never written when it does not fit", () => {
    expect(() => formatManifest({ ...exampleManifest(), files: [] })).toThrow(
      expect.objectContaining({ code: "DEFECT", lines: [expect.stringMatching(/^files: /)] }),
    );
  });

  it.each([
    ["nothing there", undefined, "does not exist"],
    ["cut short", '{"manifestVersion": 1, "na', "is not valid JSON"],
    ["another tool's", '{"builds": []}', "is not a vmbuild manifest: manifestVersion is missing"],
    ["not an object", "[1]", "is not a vmbuild manifest: manifestVersion is missing"],
    [
      "a later version",
      '{"manifestVersion": 9}',
      "has manifestVersion 9; this version of vmbuild supports 1",
    ],
  ])("%s", async (_what, content, problem) => {
    if (content !== undefined) await writeFile(path, content);
    await expect(readManifest(path)).rejects.toMatchObject({
      code: "ARTIFACT_INVALID",
      message: `${path} ${problem}`,
    });
  });

  it("lists all problems at once", async () => {
    const file = { ...exampleManifest().files[0], name: "../escape.qcow2", size: -1 };
    await writeFile(
      path,
      JSON.stringify({ ...exampleManifest(), files: [file], created: "today" }),
    );
    await expect(readManifest(path)).rejects.toMatchObject({
      code: "ARTIFACT_INVALID",
      lines: [
        expect.stringMatching(/^created: /),
        "files[0].name: a name without folders",
        expect.stringMatching(/^files\[0\]\.size: /),
      ],
    });
  });
});

it("tells the image from those of further disks", () => {
  const { files, ...rest } = exampleManifest();
  const [image] = files;
  if (!image) throw new Error("there is one");
  const of = (name: string, more: object) => ({ ...image, name, ...more });
  const disks = [
    of("demo-data.qcow2", { disk: "data" }),
    of("demo-raw.raw.xz", { disk: "raw", format: "raw", pack: "xz" }),
  ];
  const packed = of("demo.vmdk.xz", { format: "vmdk", pack: "xz" });
  expect(startableFile({ ...rest, files: [packed, ...disks] })).toBeUndefined();
  expect(startableFile({ ...rest, files: [packed, image, ...disks] })?.name).toBe("demo.qcow2");
  // No machine can use a packed file.
  expect(diskFiles({ files: [image, ...disks] })).toEqual([
    { disk: "data", name: "demo-data.qcow2" },
  ]);
});
