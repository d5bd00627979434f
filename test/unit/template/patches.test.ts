import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadTemplate } from "../../../src/template/load.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-patches-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function load(patches: unknown, createPatches?: boolean) {
  const path = join(folder, "node.json");
  const template = {
    name: "node",
    base: { path: "disk.qcow2" },
    variables: { create_patches: { default: false } },
    output: { patches },
  };
  await writeFile(path, JSON.stringify(template));
  return loadTemplate(path, { environment: {}, createPatches });
}

describe("output.patches", () => {
  it("has the folder that the shared script fills, unless another one is given", async () => {
    expect((await load({})).output.patches).toEqual({ from: "/var/lib/patches" });
    const given = { from: "/srv/p", folder: "Cerebras-patches", filename: "${name}.tgz" };
    expect((await load(given)).output.patches).toEqual({ ...given, filename: "node.tgz" });
  });

  it.each([
    [{ folder: "a/b" }, "must consist of letters"],
    [{ folder: ".." }, "must consist of letters"],
    [{ filename: "patches.tar" }, "must end in .tgz"],
    [{ from: "relative" }, "must be absolute"],
    [{ key: "x" }, "key"],
  ])("refuses %j", async (patches, words) => {
    await expect(load(patches)).rejects.toMatchObject({
      lines: [expect.stringContaining(words)],
    });
  });
});

describe("--create-patches", () => {
  it("sets the variable create_patches", async () => {
    expect((await load({}, true)).values.get("create_patches")).toBe(true);
    expect((await load({})).values.get("create_patches")).toBe(false);
  });
});
