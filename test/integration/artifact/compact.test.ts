import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { compact } from "../../../src/artifact/compact.js";
import type { CompactOptions } from "../../../src/artifact/compact.js";
import { VmbuildError } from "../../../src/errors.js";
import type { EventBody } from "../../../src/events/types.js";
import { checkImage, createOverlay, imageInfo } from "../../../src/machine/disk.js";

const MIB = 2 ** 20;
const DISK = 256 * MIB;
/** Incompressible data: 64 MiB. */
const NOISE = randomBytes(64 * MIB);

let shared: string;
let source: string;
/** Content of `source` as a guest reads it. */
let truth: string;
let folder: string;

const qemuImg = (...args: string[]): string => execFileSync("qemu-img", args, { encoding: "utf8" });

/** Creates a base with random data and text, and an overlay with a change, zeros and a snapshot. */
beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), "vmbuild-compact-source-"));
  const base = join(shared, "base.raw");
  await writeFile(base, Buffer.concat([NOISE, Buffer.alloc(32 * MIB, "words ")]));
  source = join(shared, "disk.qcow2");
  await createOverlay({ path: source, backing: base, backingFormat: "raw", size: DISK });
  const write = (...commands: string[]): unknown =>
    execFileSync("qemu-io", [...commands.flatMap((each) => ["-c", each]), source]);
  write("write -P 7 100M 8M");
  qemuImg("snapshot", "-c", "before", source);
  write("write -P 9 104M 8M", "write -z 32M 4M", "write -P 0 120M 4M");
  truth = join(shared, "truth.raw");
  qemuImg("convert", "-O", "raw", source, truth);
});
afterAll(() => rm(shared, { recursive: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-compact-"));
});
afterEach(() => rm(folder, { recursive: true }));

function options(changes: Partial<CompactOptions> = {}): CompactOptions {
  return {
    source,
    destination: join(folder, ".image.part"),
    format: "qcow2",
    compression: "zstd",
    reproducible: false,
    machine: { name: "demo", version: "1.0.0", cpus: 1, memory: 2 ** 30, firmware: "bios" },
    emit: () => {},
    signal: new AbortController().signal,
    ...changes,
  };
}

describe("compact", () => {
  it.each([
    ["zstd", "zstd"],
    ["zlib", "zlib"],
    ["none", "zlib"],
  ] as const)("makes a qcow2 that stands alone: %s", async (compression, type) => {
    const destination = join(folder, "image,with:odd name.part");
    const image = await compact(options({ compression, destination }));
    expect(qemuImg("compare", destination, truth)).toContain("identical");
    const info = await imageInfo(destination);
    expect(info).toMatchObject({ format: "qcow2", virtualSize: DISK, snapshots: [] });
    expect(info.backingFile).toBeUndefined();
    expect(qemuImg("info", destination)).toContain(`compression type: ${type}`);
    expect(await checkImage(destination)).toEqual({ checked: true, corruptions: 0, leaks: 0 });
    expect(image).toEqual({ size: (await readFile(destination)).length, virtualSize: DISK });
  });

  it("compresses text well", async () => {
    const packed = await compact(options());
    const plain = await compact(options({ compression: "none" }));
    expect(plain.size - packed.size).toBeGreaterThan(40 * MIB);
  });

  it("makes a raw image", async () => {
    const image = await compact(options({ format: "raw" }));
    expect(image).toEqual({ size: DISK, virtualSize: DISK });
    execFileSync("cmp", [join(folder, ".image.part"), truth]);
  });

  it.each([
    ["zstd", "qcow2"],
    ["zlib", "qcow2"],
    ["none", "qcow2"],
    ["none", "raw"],
  ] as const)("reproducible, comes out the same again: %s %s", async (compression, format) => {
    const first = options({ compression, format, reproducible: true });
    const second = { ...first, destination: join(folder, "second") };
    // They run in parallel, so that threads of one affect the order of the other's.
    await Promise.all([compact(first), compact(second)]);
    expect(spawnSync("cmp", [first.destination, second.destination]).status).toBe(0);
  });

  it("reports ascending progress up to 100 percent", async () => {
    const events: EventBody[] = [];
    await compact(options({ emit: (event) => events.push(event) }));
    const done = events.map((event) => (event.type === "progress" ? event.done : -1));
    expect(done).toEqual([...new Set(done)].toSorted((a, b) => a - b));
    expect(events.at(-1)).toMatchObject({
      task: "compact",
      done: 100,
      total: 100,
      unit: "percent",
    });
  });

  it("ends with the signal's reason when it is cancelled half-way, and leaves nothing", async () => {
    const controller = new AbortController();
    const reason = new VmbuildError("INTERRUPTED", "Ctrl-C");
    const emit = (): void => controller.abort(reason);
    await expect(compact(options({ emit, signal: controller.signal }))).rejects.toBe(reason);
    expect(await readdir(folder)).toEqual([]);
  });

  it("reports that qemu-img was killed half-way, and leaves nothing", async () => {
    const destination = join(folder, ".image.part");
    const emit = (): void => {
      const pid = pidWithArgument(destination);
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    };
    // zlib is slow enough to be interrupted at its first progress event.
    const running = compact(options({ destination, compression: "zlib", emit }));
    await expect(running).rejects.toMatchObject({
      code: "ARTIFACT_CONVERT",
      message: expect.stringMatching(/SIGKILL$/) as string,
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it("reports qemu-img's error when the source is not a disk", async () => {
    const broken = join(shared, "broken.qcow2");
    await writeFile(broken, "not a disk");
    await expect(compact(options({ source: broken }))).rejects.toMatchObject({
      code: "ARTIFACT_CONVERT",
      lines: [expect.stringContaining("Image is not in qcow2 format") as string],
    });
    expect(await readdir(folder)).toEqual([]);
  });
});

function pidWithArgument(argument: string): number | undefined {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(argument);
    } catch {
      return false; // It has just ended.
    }
  });
  return found === undefined ? undefined : Number(found);
}

describe("compact onto a full disk", () => {
  let small: string;
  let mounted = false;

  async function mount(megabytes: number): Promise<boolean> {
    small = join(folder, "small");
    await mkdir(small);
    const args = ["-t", "tmpfs", "-o", `size=${megabytes}M`, "none", small];
    mounted = spawnSync("mount", args).status === 0;
    return mounted;
  }
  afterEach(() => {
    if (mounted) execFileSync("umount", [small]);
    mounted = false;
  });
  const skipped = "mounting a small tmpfs takes root";

  it("retains the older image and removes the partial one", async ({ skip }) => {
    skip(!(await mount(40)), skipped);
    await writeFile(join(small, "demo.qcow2"), "old image");
    await expect(
      compact(options({ destination: join(small, ".demo.qcow2.part") })),
    ).rejects.toMatchObject({
      code: "ARTIFACT_SPACE",
      lines: [expect.stringContaining("No space left on device") as string],
    });
    expect(await readdir(small)).toEqual(["demo.qcow2"]);
    expect(await readFile(join(small, "demo.qcow2"), "utf8")).toBe("old image");
  });

  it("does not begin when the image cannot fit", async ({ skip }) => {
    skip(!(await mount(2)), skipped);
    const events: EventBody[] = [];
    const destination = join(small, ".demo.qcow2.part");
    await expect(
      compact(options({ destination, emit: (event) => events.push(event) })),
    ).rejects.toMatchObject({
      code: "ARTIFACT_SPACE",
      message: expect.stringMatching(
        /^The image needs at least .* where only 2 MiB are free$/,
      ) as string,
    });
    expect(events).toEqual([]);
    expect(await readdir(small)).toEqual([]);
  });
});
