/** The key beside an image, and the age of images: hit or miss, and why. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { formatManifest } from "../../../src/artifact/manifest.js";
import { writeRecords } from "../../../src/checkpoints/records.js";
import type { CheckpointRecords } from "../../../src/checkpoints/records.js";
import { buildPaths } from "../../../src/builds/workspace.js";
import { planOutput } from "../../../src/requirements/plan.js";
import { writeCacheKey } from "../../../src/run/checkpoints/cache-key.js";
import type { Decision } from "../../../src/run/checkpoints/decide.js";
import { applyMaxAge } from "../../../src/run/checkpoints/max-age.js";
import { imageKey, readPublishedRecord } from "../../../src/run/checkpoints/published.js";
import { findUpToDateImage } from "../../../src/run/checkpoints/up-to-date.js";
import type { ImageState } from "../../../src/run/checkpoints/up-to-date.js";
import type { BuildOptions } from "../../../src/run/context.js";
import { loadTemplate } from "../../../src/template/load.js";
import type { Template } from "../../../src/template/load.js";
import { sha256Of } from "../../support/artifact.js";
import { SMALL_SHAPE } from "../../support/machine.js";
import { exampleManifest } from "../../unit/artifact/example.js";

let folder: string;
let template: Template;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-key-"));
  vi.stubEnv("XDG_STATE_HOME", join(folder, "state"));
  await mkdir(buildPaths("demo").folder, { recursive: true });
  const path = join(folder, "demo.json");
  const output = { directory: join(folder, "output") };
  await writeFile(path, JSON.stringify({ name: "demo", base: { path: "x" }, output }));
  template = await loadTemplate(path);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const NAME = "demo-0.0.0.qcow2";
const at = (name: string): string => join(folder, "output", name);
const DECISION: Decision = {
  ...{ keys: ["k"], finalKey: "k", cachedSteps: 0, candidates: [], steps: [], changedByHand: [] },
};

/** Writes an image with its key, as another host has left them. */
async function writeImage(finalKey = "k"): Promise<void> {
  const content = "image";
  const sha256 = sha256Of(content);
  await mkdir(join(folder, "output"), { recursive: true });
  await writeFile(at(NAME), content);
  await writeFile(at(`${NAME}.sha256`), `${sha256}  ${NAME}\n`);
  const file = { name: NAME, format: "qcow2", size: content.length, checksums: { sha256 } };
  const manifest = { ...exampleManifest(), files: [file] };
  await writeFile(at("manifest.json"), formatManifest(manifest));
  const key = imageKey(finalKey, template, planOutput(template));
  await writeCacheKey({ key, outputs: "o", after: undefined, manifest: at("manifest.json") });
}

async function find(more: Partial<BuildOptions> = {}, decision = DECISION): Promise<ImageState> {
  const { signal } = new AbortController();
  const options = { template, signal, ...more } as BuildOptions;
  const build = buildPaths("demo");
  const workspace = { build, run: { outputs: join(folder, "outputs") } };
  const context = { template, output: planOutput(template), options, workspace, emit: () => {} };
  return findUpToDateImage(
    context as unknown as Parameters<typeof findUpToDateImage>[0],
    decision,
    options,
  );
}

describe("the image of another host", () => {
  it("is up to date by its key, and is recorded on this host", async () => {
    expect(await find()).toMatchObject({ miss: "there is no image yet" });
    await writeImage();
    const { upToDate, miss } = await find();
    expect(miss).toBeUndefined();
    expect(upToDate?.artifact).toMatchObject({ path: at(NAME), size: 5 });
    const record = await readPublishedRecord(buildPaths("demo").published);
    expect(record?.artifact.path).toBe(at(NAME));
    expect((await find()).miss).toBeUndefined();
  });

  it("has the same key in another folder", () => {
    const key = (directory: string): string =>
      imageKey("k", template, planOutput(template, directory));
    expect(key(join(folder, "other"))).toBe(key(join(folder, "output")));
  });

  it("is not recorded by a preview", async () => {
    await writeImage();
    expect((await find({ preview: true } as Partial<BuildOptions>)).miss).toBeUndefined();
    expect(await readPublishedRecord(buildPaths("demo").published)).toBeUndefined();
  });

  it.each([
    ["a key of other content", () => writeImage("other"), "made from something else"],
    ["no key", () => rm(at(".cache-key")), "there is no image yet"],
    ["a damaged key", () => writeFile(at(".cache-key"), "{"), "there is no image yet"],
    ["an image of another size", () => writeFile(at(NAME), "x"), "is not complete"],
    ["another manifest", () => writeFile(at("manifest.json"), "{}"), "there is no image yet"],
  ])("with %s is a miss", async (_, change, miss) => {
    await writeImage();
    await change();
    const found = await find();
    expect(found.upToDate).toBeUndefined();
    expect(found.miss).toContain(miss);
  });
});

describe("the image of this host", () => {
  beforeEach(async () => {
    await writeImage();
    await find();
  });

  it.each([
    ["without its key", () => rm(at(".cache-key")), ".cache-key is missing or not valid"],
    ["with a damaged key", () => writeFile(at(".cache-key"), "?"), ".cache-key is missing"],
    ["that was removed", () => rm(at(NAME)), "was removed"],
  ])("%s is a miss", async (_, change, miss) => {
    await change();
    const found = await find();
    expect(found.upToDate).toBeUndefined();
    expect(found.miss).toContain(miss);
    expect(found.alteration).toBe(found.miss);
  });

  it("says which step changed", async () => {
    const steps = [{ step: "site", index: 1, cached: false, reason: "site.sh changed" }];
    const { miss } = await find({}, { ...DECISION, finalKey: "other", steps });
    expect(miss).toBe("step 1 (site): site.sh changed");
  });

  it("is not used when an option says so", async () => {
    expect((await find({ force: true })).miss).toBe("--force");
    expect((await find({ from: "site" })).miss).toBe("--from site");
    expect((await find({ until: "site" })).miss).toBeUndefined();
  });
});

describe("--max-age", () => {
  const DAY = 86_400_000;
  const created = Date.parse(exampleManifest().created);
  const apply = (days: number, more: Partial<BuildOptions> = {}): Promise<BuildOptions> =>
    applyMaxAge({ template, maxAgeMs: 7 * DAY, ...more } as BuildOptions, created + days * DAY);

  it("rebuilds an image that is older, from the base", async () => {
    expect((await apply(8)).force).toBeUndefined();
    await writeImage();
    expect((await apply(6)).force).toBeUndefined();
    expect(await apply(8)).toMatchObject({
      ...{ force: true, forcedBy: "the image is 8d old; --max-age is 7d" },
    });
    expect((await apply(8, { maxAgeMs: undefined })).force).toBeUndefined();
  });

  it("rebuilds an image that would be made from an older checkpoint", async () => {
    await writeImage();
    const createdAt = new Date(created - 3 * DAY).toISOString();
    await writeRecords(buildPaths("demo"), recordsWith(createdAt));
    expect(await apply(5)).toMatchObject({
      forcedBy: "the checkpoint after packages is 8d old; --max-age is 7d",
    });
  });
});

/** Returns records with one checkpoint. */
function recordsWith(createdAt: string): CheckpointRecords {
  const shape = { ...SMALL_SHAPE, name: "demo", memory: 2 ** 29 };
  const identity = { ino: "1", size: "1", mtimeNs: "1" };
  const checkpoint = {
    ...{ tag: "t", index: 1, step: "packages", key: "k", manifest: {} },
    ...{ createdAt, usedAt: createdAt, stepMs: 1, saveMs: 1, memoryBytes: 1, diskBytes: 0 },
    ...{ date: 1, synced: true },
  };
  return {
    version: 1,
    root: {},
    machine: { shape, qemu: "7.2", user: "root", sshPort: 22, media: { disk: true, cd: true } },
    ...{ disk: identity, base: identity, hostBoot: "x", checkpoints: [checkpoint] },
  };
}
