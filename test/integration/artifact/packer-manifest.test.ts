/** Manifests in Packer's format, beside those that Packer itself writes. */
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { appendToPackerManifest } from "../../../src/artifact/packer-manifest.js";
import { writeFileAtomic } from "../../../src/host/files.js";
import { holdLockFile } from "../../../src/host/lock.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-manifest-"));
});
afterEach(() => rm(folder, { recursive: true }));

const manifestSchema = z.object({
  builds: z.array(
    z.object({
      name: z.string(),
      builder_type: z.string(),
      build_time: z.number(),
      files: z.null(),
      artifact_id: z.string(),
      packer_run_uuid: z.string(),
      custom_data: z.record(z.string(), z.string()),
    }),
  ),
});

const ENTRY = {
  name: "n",
  builder_type: "qemu",
  files: null,
  artifact_id: "VM",
  packer_run_uuid: "u",
  custom_data: null,
};

/** Runs Packer with its null builder, which writes a manifest and no image. */
async function runPacker(output: string): Promise<void> {
  const template = {
    builders: [{ type: "null", communicator: "none" }],
    "post-processors": [{ type: "manifest", output, custom_data: { a: "1 & <2>", b: "é\u2028" } }],
  };
  await writeFile(join(folder, "null.json"), JSON.stringify(template));
  await execa("packer", ["build", "null.json"], {
    cwd: folder,
    env: { CHECKPOINT_DISABLE: "1", PACKER_CONFIG_DIR: folder, HOME: folder },
  });
}

it("are the same bytes as Packer's, and Packer extends them", async () => {
  await runPacker("golden.json");
  await runPacker("golden.json");
  const golden = await readFile(join(folder, "golden.json"), "utf8");
  const { builds } = manifestSchema.parse(JSON.parse(golden));
  expect(builds).toHaveLength(2);
  const own = join(folder, "own.json");
  for (const build of builds) await appendToPackerManifest(own, build);
  expect(await readFile(own, "utf8")).toBe(golden);
  await runPacker("own.json");
  const extended = manifestSchema.parse(JSON.parse(await readFile(own, "utf8")));
  expect(extended.builds.slice(0, 2)).toEqual(builds);
  expect(extended.builds).toHaveLength(3);
});

it("wait for a process that holds the lock, and leave no lock behind", async () => {
  const path = join(folder, "m.json");
  const lock = await holdLockFile(`${path}.lock`);
  let isWritten = false;
  const writing = appendToPackerManifest(path, ENTRY).then(() => (isWritten = true));
  await writeFile(path, '{"builds":[{"name":"by the holder"}]}');
  expect(isWritten).toBe(false);
  await lock.release();
  await writing;
  const { builds } = JSON.parse(await readFile(path, "utf8")) as { builds: { name: string }[] };
  expect(builds.map(({ name }) => name)).toEqual(["by the holder", "n"]);
  expect(await readdir(folder)).toEqual(["m.json"]);
});

it("have one writer at a time, although each removes the lock's file", async () => {
  const path = join(folder, "count");
  await writeFile(path, "0");
  const work = async (): Promise<void> => {
    for (let time = 0; time < 6; time += 1) {
      await using _lock = await holdLockFile(`${path}.lock`);
      await writeFileAtomic(path, String(Number(await readFile(path, "utf8")) + 1));
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  expect(await readFile(path, "utf8")).toBe("24");
  expect(await readdir(folder)).toEqual(["count"]);
});

it("stop waiting for the lock when the run is cancelled", async () => {
  const path = join(folder, "m.json");
  await using _lock = await holdLockFile(`${path}.lock`);
  const cancel = new AbortController();
  const writing = appendToPackerManifest(path, ENTRY, cancel.signal);
  cancel.abort(new Error("cancelled"));
  await expect(writing).rejects.toThrow("cancelled");
});

it("are not written over a file of another form", async () => {
  const path = join(folder, "manifest.json");
  const other = '{"manifestVersion":1,"name":"demo"}';
  await writeFile(path, other);
  await expect(appendToPackerManifest(path, ENTRY)).rejects.toMatchObject({
    code: "AFTER_FAILED",
    message: expect.stringContaining("it is not a manifest in Packer's format") as string,
  });
  expect(await readFile(path, "utf8")).toBe(other);
});
