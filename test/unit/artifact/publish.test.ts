import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatChecksum } from "../../../src/artifact/checksum-files.js";
import { formatManifest } from "../../../src/artifact/manifest.js";
import { Staging, removeAbandoned } from "../../../src/artifact/publish.js";
import { readPublished } from "../../../src/artifact/published.js";
import { NEW_SHA256, exampleManifest } from "./example.js";

const OLD = {
  "demo.qcow2": "old image",
  "demo.qcow2.sha256": "old sha256",
  "demo.qcow2.md5": "old md5",
  "manifest.json": "old manifest",
};

let folder: string;
const text = (name: string): Promise<string> => readFile(join(folder, name), "utf8");

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-publish-"));
  for (const [name, content] of Object.entries(OLD)) await writeFile(join(folder, name), content);
});
afterEach(() => rm(folder, { recursive: true }));

/** Stages a new artifact, in the order in which a build creates its files. */
async function stage(): Promise<Staging> {
  const staging = new Staging(folder);
  await writeFile(staging.reserve("demo.qcow2", "image"), "new\n");
  await staging.write("manifest.json", "manifest", formatManifest(exampleManifest()));
  await staging.write("demo.qcow2.sha256", "companion", formatChecksum(NEW_SHA256, "demo.qcow2"));
  return staging;
}

async function oldIsIntact(): Promise<void> {
  expect((await readdir(folder)).toSorted()).toEqual(Object.keys(OLD).toSorted());
  for (const [name, content] of Object.entries(OLD)) expect(await text(name)).toBe(content);
}

describe("Staging", () => {
  it("replaces an older artifact completely, including obsolete checksum files", async () => {
    await using staging = await stage();
    await staging.publish();
    expect((await readdir(folder)).toSorted()).toEqual([
      "demo.qcow2",
      "demo.qcow2.sha256",
      "manifest.json",
    ]);
    expect(await text("demo.qcow2")).toBe("new\n");
    expect(await readPublished(folder)).toEqual(exampleManifest());
  });

  it.each([
    ["demo.qcow2", "companion"],
    ["DEMO.qcow2", "companion"],
    ["demo.qcow2.sha256", "checksums"],
    ["Manifest.json", "image"],
  ] as const)("refuses a second file called %s", async (name, role) => {
    {
      await using staging = await stage();
      const message = `Two files of the artifact have the name ${name}`;
      expect(() => staging.reserve(name, role)).toThrow(
        expect.objectContaining({ code: "ARTIFACT_NAMES", message }),
      );
    }
    await oldIsIntact();
  });

  it("publishes a link to the image, which does not exist yet", async () => {
    await rm(join(folder, "demo.qcow2"));
    await using staging = await stage();
    await symlink("demo.qcow2", staging.reserve("latest.qcow2", "companion"));
    await staging.publish();
    expect(await text("latest.qcow2")).toBe("new\n");
  });

  it("does not change the older artifact when it is abandoned", async () => {
    {
      await using staging = await stage();
      expect(await readdir(folder)).toHaveLength(7);
      expect(basename(staging.reserve("demo.qcow2", "image"))).toMatch(/^\.demo\.qcow2\./);
    }
    await oldIsIntact();
  });

  it("changes nothing when an announced file does not exist", async () => {
    {
      await using staging = await stage();
      staging.reserve("version.txt", "companion");
      await expect(staging.publish()).rejects.toMatchObject({ code: "ARTIFACT_CONVERT" });
    }
    await oldIsIntact();
  });

  it.each([
    // A folder at that name makes the rename fail, like a crash at that point.
    ["the image", "demo.qcow2", { "demo.qcow2.sha256": "old sha256" }],
    ["the sums", "demo.qcow2.sha256", { "demo.qcow2": "new\n" }],
    ["the manifest", "manifest.json", undefined],
  ])("cut off before %s, shows no manifest", async (_where, name, expected) => {
    await rm(join(folder, name));
    await mkdir(join(folder, name, "in-the-way"), { recursive: true });
    {
      await using staging = await stage();
      await expect(staging.publish()).rejects.toMatchObject({ code: "ARTIFACT_CONVERT" });
    }
    await expect(readPublished(folder)).rejects.toMatchObject({ code: "ARTIFACT_INVALID" });
    for (const [other, content] of Object.entries(expected ?? {})) {
      expect(await text(other)).toBe(content);
    }
    expect((await readdir(folder)).filter((entry) => entry.endsWith(".part"))).toEqual([]);
  });
});

describe("readPublished", () => {
  it.each([
    ["an image that is gone", "demo.qcow2", undefined, "demo.qcow2 is missing"],
    ["an image of another size", "demo.qcow2", "longer", "demo.qcow2 has 6 bytes instead of 4"],
    ["sums that are gone", "demo.qcow2.sha256", undefined, "demo.qcow2.sha256 is missing"],
    [
      "sums of another image",
      "demo.qcow2.sha256",
      formatChecksum("0".repeat(64), "demo.qcow2"),
      "demo.qcow2.sha256 differs from the manifest",
    ],
  ])("names %s", async (_what, name, content, line) => {
    await using staging = await stage();
    await staging.publish();
    await rm(join(folder, name));
    if (content !== undefined) await writeFile(join(folder, name), content);
    await expect(readPublished(folder)).rejects.toMatchObject({
      code: "ARTIFACT_INVALID",
      lines: [line],
    });
  });
});

describe("removeAbandoned", () => {
  it("removes what a killed run left for these names, and nothing else", async () => {
    const abandoned = await stage();
    await writeFile(join(folder, ".demo.qcow2.md5.0123abcd.part"), "sums of another run");
    await writeFile(join(folder, ".demo.qcow2.notes.part"), "not ours");
    const removed = await removeAbandoned([join(folder, "demo.qcow2")]);
    expect(removed).toEqual([{ path: abandoned.reserve("demo.qcow2", "image"), size: 4 }]);
    expect(await readdir(folder)).toHaveLength(8);
    await abandoned[Symbol.asyncDispose]();
  });

  it("removes a folder that a killed run left", async () => {
    await mkdir(join(folder, ".site.0123abcd.part/inner"), { recursive: true });
    await removeAbandoned([join(folder, "site")]);
    expect(await readdir(folder)).toHaveLength(4);
  });

  it("finds nothing in a folder that does not exist", async () => {
    expect(await removeAbandoned([join(folder, "none", "demo.qcow2")])).toEqual([]);
  });
});
