/** Further disks of a machine: created by qemu-img, empty or from images. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { workPaths } from "../../../src/checkpoints/records.js";
import { imageInfo } from "../../../src/machine/disk.js";
import { createDisks, describeDisks, planDisks } from "../../../src/run/extra-disks.js";
import { loadTemplate } from "../../../src/template/load.js";
import type { Template } from "../../../src/template/load.js";
import { checkTemplate } from "../../../src/validate/validate.js";

const MIB = 2 ** 20;
const { signal } = new AbortController();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-disks-"));
  const image = join(folder, "image.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image, "32M"]);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -q -P 7 1M 64k", image]);
});
afterEach(() => rm(folder, { recursive: true }));

async function templateWith(disks: readonly object[]): Promise<Template> {
  const path = join(folder, "t.json");
  const inputs = { image: { path: "image.qcow2" } };
  const base = { bootstrap: { suite: "bookworm" } };
  await writeFile(path, JSON.stringify({ name: "disks", base, inputs, machine: { disks } }));
  return loadTemplate(path, { environment: {} });
}

/** Creates the disks of a template as a run does. */
async function create(template: Template): Promise<string> {
  const work = workPaths(join(folder, "work"));
  const planned = await planDisks(template, signal);
  const context = { workspace: { work }, options: { signal } };
  await createDisks(context as unknown as Parameters<typeof createDisks>[0], planned);
  return work.disks;
}

it("are empty, or enlarged copies of an image that do not depend on it", async () => {
  const disks = await create(
    await templateWith([
      { name: "empty", size: "64M" },
      { name: "copy", from: "${input.image}" },
      // Not a whole number of sectors.
      { name: "large", from: "image.qcow2", size: 48 * MIB - 100 },
    ]),
  );
  const sizeOf = async (name: string) => {
    const { virtualSize, format, backingFile } = await imageInfo(join(disks, `${name}.qcow2`));
    return [format, virtualSize / MIB, backingFile];
  };
  expect(await sizeOf("empty")).toEqual(["qcow2", 64, undefined]);
  expect(await sizeOf("copy")).toEqual(["qcow2", 32, undefined]);
  expect(await sizeOf("large")).toEqual(["qcow2", 48, undefined]);
  const pattern = ["-f", "qcow2", "-c", "read -q -P 7 1M 64k", join(disks, "large.qcow2")];
  execFileSync("qemu-io", pattern);
});

it("count for the checkpoints with the content of their image", async () => {
  const template = await templateWith([{ name: "copy", from: "image.qcow2" }]);
  const before = describeDisks(await planDisks(template, signal));
  expect(before).toMatchObject({ "disk copy": "32 MiB" });
  const image = join(folder, "image.qcow2");
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -q -P 8 1M 64k", image]);
  const after = describeDisks(await planDisks(template, signal));
  expect(after["image of the disk copy"]).not.toBe(before["image of the disk copy"]);
});

describe("are refused, by a run and by validate,", () => {
  const refused = async (disk: object) => {
    const template = await templateWith([{ name: "d", ...disk }]);
    const error: unknown = await planDisks(template, signal).catch((thrown: unknown) => thrown);
    const findings = await checkTemplate(template, {
      signal,
      findArtifact: () => Promise.resolve(undefined),
    });
    return { error, problems: findings.problems.join("\n") };
  };

  it("with an image that does not exist", async () => {
    const { error, problems } = await refused({ from: "other.qcow2" });
    expect(error).toMatchObject({
      code: "INPUT_MISSING",
      message: `The image of the disk "d" does not exist: ${join(folder, "other.qcow2")}`,
    });
    expect(problems).toMatch(/machine\.disks\[0\]\.from.*other\.qcow2 does not exist/);
  });

  it("with a size below that of the image", async () => {
    const { error, problems } = await refused({ from: "image.qcow2", size: "16M" });
    expect(error).toMatchObject({ code: "BASE_TOO_LARGE" });
    expect(problems).toMatch(/machine\.disks\[0\]\.size.*16 MiB cannot hold the image/);
  });

  it("with a compressed image, which QEMU would take for a raw disk", async () => {
    await writeFile(join(folder, "disk.raw.gz"), gzipSync(Buffer.alloc(4 * MIB)));
    const { error, problems } = await refused({ from: "disk.raw.gz" });
    expect(error).toMatchObject({
      code: "BASE_INVALID",
      message: expect.stringContaining("is a gzip file") as string,
    });
    expect(problems).toContain("is a gzip file");
  });

  it("with an image that has a backing file", async () => {
    const overlay = join(folder, "overlay.qcow2");
    const backing = ["-F", "qcow2", "-b", join(folder, "image.qcow2")];
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...backing, overlay]);
    const { error, problems } = await refused({ from: "overlay.qcow2" });
    expect(error).toMatchObject({ code: "BASE_INVALID" });
    expect(problems).toContain("refers to another file");
  });
});
