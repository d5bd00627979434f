/** Differences of two images, as data, text and Markdown. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatManifest } from "../../../src/artifact/manifest.js";
import type { Manifest } from "../../../src/artifact/manifest.js";
import { compareSides } from "../../../src/diff/compare.js";
import { renderMarkdown, renderText } from "../../../src/diff/render.js";
import { readSide } from "../../../src/diff/side.js";
import { parsePackages } from "../../../src/packages/list.js";
import { errorOf } from "../../support/inputs.js";
import { exampleManifest } from "../artifact/example.js";

const OLD =
  "bash\t5.2-1\tamd64\tdeb\nlinux\t6.1-1\tamd64\tdeb\ngone\t1\tall\tdeb\nsame\t1\tall\tdeb\n";
const NEW =
  "bash\t5.2-1~bpo1\tamd64\tdeb\nlinux\t6.1-1\tamd64\tdeb\nlinux\t6.1-2\tamd64\tdeb\nnew\t2|x\tall\tdeb\nsame\t1\tall\tdeb\n";

const [file] = exampleManifest().files;
const later: Manifest = {
  ...exampleManifest(),
  version: "1.1.0",
  files: file ? [{ ...file, size: 2 ** 20 + 4 }] : [],
  steps: [
    { name: "harden", durationMs: 1 },
    { name: "packages", durationMs: 2 },
  ],
};
const from = { given: "old", manifest: exampleManifest(), packages: parsePackages(OLD) };
const to = { given: "new", manifest: later, packages: parsePackages(NEW) };

describe("compareSides", () => {
  it("finds packages that were added, removed, upgraded and downgraded", () => {
    expect(compareSides(from, to).packages).toEqual({
      added: [{ name: "new", version: "2|x", arch: "all", type: "deb" }],
      removed: [{ name: "gone", version: "1", arch: "all", type: "deb" }],
      changed: [
        { name: "bash", arch: "amd64", from: "5.2-1", to: "5.2-1~bpo1", direction: "downgraded" },
        { name: "linux", arch: "amd64", from: "6.1-1", to: "6.1-1, 6.1-2", direction: "upgraded" },
      ],
      unchanged: 1,
    });
  });

  it("compares sizes, steps and origins", () => {
    expect(compareSides(from, to)).toMatchObject({
      sizes: [{ what: "qcow2", from: 4, to: 2 ** 20 + 4 }],
      steps: { added: ["harden"], removed: [], reordered: false },
      values: [{ what: "version", from: "1.0.0", to: "1.1.0" }],
    });
  });

  it("leaves out what one side does not describe", () => {
    const { given, packages } = from;
    const difference = compareSides({ given, packages }, { given: "new", manifest: later });
    expect(difference).toEqual({ from: "old", to: "new" });
    expect(renderText(difference, (rows) => rows.map((row) => row.join(" ")))).toBe(
      "No differences were found.\n\nThe manifests were not compared: one side has none.\n" +
        "The packages were not compared: one side has no packages.txt.",
    );
  });
});

describe("renderText and renderMarkdown", () => {
  it("show every section that has something", () => {
    const text = renderText(compareSides(from, to), (rows) => rows.map((row) => row.join(" ")));
    expect(text).toContain("Sizes (1):\n  qcow2 4 B 1 MiB +1 MiB\n");
    expect(text).toContain("Packages upgraded (1):\n  linux 6.1-1 6.1-1, 6.1-2 amd64\n");
    expect(text).toContain("1 packages are unchanged.");
    const markdown = renderMarkdown(compareSides(from, to));
    expect(markdown).toContain(
      "## Changes from old to new\n\n### Made from (1)\n\n| What | From | To |",
    );
    expect(markdown).toContain("| new | 2\\|x | all |");
  });
});

describe("readSide", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vmbuild-diff-"));
    const at = (name: string): string => join(folder, name);
    await writeFile(at("manifest.json"), formatManifest(exampleManifest()));
    await writeFile(at("packages.txt"), OLD);
    await writeFile(at("demo.qcow2"), "new\n");
    await writeFile(at("other.qcow2"), "");
    await writeFile(at("x.img"), "");
    await writeFile(at("x.img.manifest.json"), formatManifest(later));
    await writeFile(at("x.img.packages.txt"), NEW);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(["", "manifest.json", "packages.txt", "demo.qcow2"])("reads %j", async (name) => {
    const side = await readSide(join(folder, name));
    expect(side.manifest?.version).toBe("1.0.0");
    expect(side.packages).toHaveLength(4);
  });

  it.each(["x.img", "x.img.manifest.json", "x.img.packages.txt"])("reads %j", async (name) => {
    const side = await readSide(join(folder, name));
    expect(side.manifest?.version).toBe("1.1.0");
    expect(side.packages).toHaveLength(5);
  });

  it("refuses an image that the manifest does not describe", async () => {
    const error = await errorOf(readSide(join(folder, "other.qcow2")));
    expect(error.message).toContain("does not describe other.qcow2");
    const missing = await errorOf(readSide(join(folder, "none")));
    expect(missing).toMatchObject({ code: "INPUT_MISSING" });
  });
});
