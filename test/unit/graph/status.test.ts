/** States of images: what the records and previews of runs say, and what follows from a base. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { formatManifest } from "../../../src/artifact/manifest.js";
import { buildPaths } from "../../../src/builds/workspace.js";
import { VmbuildError } from "../../../src/errors.js";
import type { GraphNode } from "../../../src/graph/graph.js";
import { statusOf } from "../../../src/graph/status.js";
import type { Preview } from "../../../src/graph/status.js";
import { makePrivateFolder } from "../../../src/host/files.js";
import { writeCacheKey } from "../../../src/run/checkpoints/cache-key.js";
import type { RunPreview } from "../../../src/run/checkpoints/preview.js";
import { writePublishedRecord } from "../../../src/run/checkpoints/published.js";
import type { Template } from "../../../src/template/load.js";
import { exampleManifest } from "../artifact/example.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-graph-"));
  vi.stubEnv("XDG_STATE_HOME", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const node = (
  name: string,
  base?: GraphNode,
  definition: object = { path: import.meta.filename },
): GraphNode => ({
  name,
  base,
  isNamed: true,
  template: {
    name,
    folder: "/",
    machine: { arch: "x86_64" },
    base: base ? { appliance: base.name } : definition,
  } as unknown as Template,
});

/** Records that an image was published. */
async function publish(...names: string[]): Promise<void> {
  for (const name of names) {
    const { published } = buildPaths(name);
    await makePrivateFolder(dirname(published));
    const artifact = { path: `/${name}.qcow2`, size: 1, virtualSize: 1, checksums: {} };
    const more = { key: "k", artifact, otherArtifacts: [], manifest: "m", outputs: "", steps: [] };
    await writePublishedRecord(published, more, [import.meta.filename]);
  }
}

/** Writes a manifest and its key, as another host has left them beside an image. */
async function writeKeyedImage(name: string, owner: string): Promise<void> {
  const manifest = join(folder, "output", name, "manifest.json");
  await mkdir(dirname(manifest), { recursive: true });
  await writeFile(manifest, formatManifest({ ...exampleManifest(), name: owner }));
  await writeCacheKey({ key: "a".repeat(64), outputs: "", after: undefined, manifest });
}

type Plan = Partial<RunPreview["plan"]>;
const previewOf = (plan: Plan): RunPreview => ({ plan, hasSharedGuest: false }) as RunPreview;
const upToDate = previewOf({ upToDate: {} as never });
const changed = previewOf({ miss: "step 2 (b): b.sh changed (1 line)" });

const folderOf = ({ name }: GraphNode): string => join(folder, "output", name);

/** Returns name, state and reason of each node. */
async function states(nodes: readonly GraphNode[], preview: Preview): Promise<string[][]> {
  const found = await statusOf(nodes, preview, folderOf);
  return found.map(({ node: { name }, state, reason }) => [name, state, reason]);
}

const base = node("base");
const child = node("child", base);
const grandchild = node("grandchild", child);
const chain = [base, child, grandchild];

describe("the state of an image", () => {
  it("is not built without a record, and what builds on it is not looked at", async () => {
    await publish("child");
    expect(await states(chain, () => Promise.reject(new Error("no preview is expected")))).toEqual([
      ["base", "not built", "no run on this host has built it"],
      ["child", "out of date", "its base base is not built"],
      ["grandchild", "not built", "no run on this host has built it"],
    ]);
  });

  it("is up to date, or out of date with the step that runs and why", async () => {
    await publish("base", "child", "grandchild");
    const preview: Preview = ({ name }) => Promise.resolve(name === "child" ? changed : upToDate);
    expect(await states(chain, preview)).toEqual([
      ["base", "up to date", ""],
      ["child", "out of date", "step 2 (b): b.sh changed (1 line)"],
      ["grandchild", "out of date", "its base child is out of date"],
    ]);
    const [first] = await statusOf([base], preview, folderOf);
    expect(first?.image).toBe("/base.qcow2");
  });

  it("is that of an image with a key beside it where this host has no record", async () => {
    await writeKeyedImage("base", "base");
    const [first] = await statusOf([base], () => Promise.resolve(upToDate), folderOf);
    const image = join(folderOf(base), "demo.qcow2");
    expect(first).toMatchObject({ state: "up to date", reason: "", image });
    const other = previewOf({ miss: "the image beside .cache-key was made from something else" });
    expect(await states([base], () => Promise.resolve(other))).toEqual([
      ["base", "out of date", "the image beside .cache-key was made from something else"],
    ]);
    await writeKeyedImage("base", "another template");
    expect(await states([base], () => Promise.resolve(upToDate))).toEqual([
      ["base", "not built", "no run on this host has built it"],
    ]);
  });

  it("is running while a run holds the build, and unknown after other errors", async () => {
    await publish("base", "child");
    const fail = (error: VmbuildError): Preview => {
      // eslint-disable-next-line require-await -- An exception must become a rejection.
      return async () => {
        throw error;
      };
    };
    const locked = new VmbuildError("BUILD_LOCKED", "locked");
    expect(await states([base, child], fail(locked))).toEqual([
      ["base", "running", "a run is in progress"],
      ["child", "out of date", "its base base is running"],
    ]);
    const missing = new VmbuildError("INPUT_DOWNLOAD", "x is not cached");
    expect(await states([base, child], fail(missing))).toEqual([
      ["base", "unknown", "x is not cached"],
      ["child", "unknown", "the state of its base base is unknown"],
    ]);
    const stop = new VmbuildError("INTERRUPTED", "stop");
    await expect(statusOf([base], fail(stop), folderOf)).rejects.toBe(stop);
  });

  it("is unknown where the base would have to be created", async () => {
    await publish("base");
    const missing = node("base", undefined, { path: "/no/such/file" });
    expect(await states([missing], () => Promise.resolve(upToDate))).toEqual([
      ["base", "unknown", "its base /no/such/file is MISSING"],
    ]);
  });
});
