/** Record of a build's published images: each of them counts. */
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  findAlteration,
  imageKey,
  readPublishedRecord,
  verifyChecksums,
  writePublishedRecord,
} from "../../../src/run/checkpoints/published.js";
import { planOutput } from "../../../src/requirements/plan.js";
import { load, templateText } from "../../unit/template/support.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-published-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Writes two images and their record, and reads it. */
async function publish() {
  const artifacts = await Promise.all(
    ["a.qcow2", "a.ova"].map(async (name) => {
      const path = join(folder, name);
      await writeFile(path, name);
      const sha256 = createHash("sha256").update(name).digest("hex");
      return { path, size: name.length, virtualSize: 1, checksums: { sha256 } };
    }),
  );
  const [artifact = { path: "", size: 0, virtualSize: 0, checksums: {} }, ...others] = artifacts;
  const facts = { key: "k", manifest: "m", outputs: "o", steps: [] };
  const path = join(folder, "published.json");
  const files = artifacts.map((image) => image.path);
  await writePublishedRecord(path, { ...facts, artifact, otherArtifacts: others }, files);
  const record = await readPublishedRecord(path);
  if (!record) throw new Error("there is no record");
  return record;
}

it("is outdated when a further image is missing or changed", async () => {
  const record = await publish();
  expect(await findAlteration(record)).toBeUndefined();
  await writeFile(join(folder, "a.ova"), "longer than before");
  expect(await findAlteration(record)).toBe(`${join(folder, "a.ova")} has a different size`);
  await rm(join(folder, "a.ova"));
  expect(await findAlteration(record)).toBe(`${join(folder, "a.ova")} was removed`);
});

it("has the checksums of all images", async () => {
  const record = await publish();
  const context = { emit: () => {}, signal: new AbortController().signal };
  expect(await verifyChecksums(record, context)).toBeUndefined();
  await writeFile(join(folder, "a.ova"), "a.abc");
  const wrong = `${join(folder, "a.ova")} has a different sha256 checksum`;
  expect(await verifyChecksums(record, context)).toBe(wrong);
});

it("has another key when a format is added", async () => {
  const keys = await Promise.all(
    [[], [{ format: "ova" }], [{ format: "ova", filename: "x.ova" }]].map(async (formats) => {
      const template = await load(templateText({ output: { formats } }));
      return imageKey("last", { ...template }, planOutput(template, "/out"));
    }),
  );
  expect(new Set(keys).size).toBe(3);
});
