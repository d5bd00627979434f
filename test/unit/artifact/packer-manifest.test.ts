/** Manifests in Packer's format. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { appendToPackerManifest, goJson } from "../../../src/artifact/packer-manifest.js";

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "manifest-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

const ENTRY = {
  name: "debian",
  builder_type: "qemu",
  build_time: 1_700_000_000,
  files: [{ name: "output-debian/packer-debian", size: 1234 }],
  artifact_id: "VM",
  packer_run_uuid: "0c1f",
  custom_data: null,
};

/** As Packer 1.6.6 writes it, without a line break at the end. */
const GOLDEN = `{
  "builds": [
    {
      "name": "debian",
      "builder_type": "qemu",
      "build_time": 1700000000,
      "files": [
        {
          "name": "output-debian/packer-debian",
          "size": 1234
        }
      ],
      "artifact_id": "VM",
      "packer_run_uuid": "0c1f",
      "custom_data": null
    }
  ],
  "last_run_uuid": "0c1f"
}`;

describe("appendToPackerManifest", () => {
  it("writes what Packer writes", async () => {
    const path = join(await emptyFolder(), "sub", "packer-manifest.json");
    await appendToPackerManifest(path, ENTRY);
    expect(await readFile(path, "utf8")).toBe(GOLDEN);
  });

  it("appends, also from several builds at the same time", async () => {
    const path = join(await emptyFolder(), "m.json");
    await writeFile(path, GOLDEN);
    const more = ["a", "b", "c"].map((name) => ({ ...ENTRY, name, packer_run_uuid: "1" }));
    await Promise.all(more.map((entry) => appendToPackerManifest(path, entry)));
    const { builds, last_run_uuid: last } = JSON.parse(await readFile(path, "utf8")) as {
      builds: { name: string }[];
      last_run_uuid: string;
    };
    expect(builds.map(({ name }) => name)).toEqual(["debian", "a", "b", "c"]);
    expect(last).toBe("1");
  });

  it("names a file that it cannot extend", async () => {
    const path = join(await emptyFolder(), "m.json");
    await writeFile(path, "no JSON");
    await expect(appendToPackerManifest(path, ENTRY)).rejects.toMatchObject({
      code: "AFTER_FAILED",
      message: expect.stringContaining(path) as string,
    });
    await expect(appendToPackerManifest(`${path}2`, ENTRY)).resolves.toBeUndefined();
  });

  it("escapes what Go's encoder escapes", () => {
    expect(goJson({ a: "<b> & c" })).toBe('{\n  "a": "\\u003cb\\u003e \\u0026 c"\n}');
  });
});
