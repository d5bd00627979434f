import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { truncateSync } from "node:fs";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checksumPath, formatChecksum } from "../../../src/artifact/checksum-files.js";
import { ALGORITHMS, digestFile } from "../../../src/artifact/digest.js";
import { VmbuildError } from "../../../src/errors.js";
import type { EventBody } from "../../../src/events/types.js";

const MIB = 2 ** 20;
const quiet = { emit: () => {}, signal: new AbortController().signal };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-digest-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function makeFile(size: number, name = "disk.qcow2"): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, randomBytes(size));
  return path;
}

/** Returns the checksum computed by coreutils. */
const coreutils = (algorithm: string, path: string): string | undefined =>
  execFileSync(`${algorithm}sum`, [path], { encoding: "utf8" }).split(" ")[0];

describe("digestFile", () => {
  it.each([
    ["nothing", 0],
    ["one byte", 1],
    ["exactly one piece of the ring", MIB],
    ["more than the whole ring, and a bit", 20 * MIB + 17],
  ])("agrees with coreutils over %s", async (_what, size) => {
    const path = await makeFile(size);
    const digests = await digestFile(path, ALGORITHMS, quiet);
    expect(digests).toEqual(
      Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, coreutils(algorithm, path)])),
    );
  });

  it("computes only the requested digests", async () => {
    const path = await makeFile(10);
    expect(Object.keys(await digestFile(path, ["md5"], quiet))).toEqual(["md5"]);
    expect(await digestFile(path, [], quiet)).toEqual({});
  });

  it("reports progress up to the end, in about a hundred events", async () => {
    const events: EventBody[] = [];
    const path = await makeFile(300 * MIB);
    await digestFile(path, ["md5"], { ...quiet, emit: (event) => events.push(event) });
    const done = events.map((event) => (event.type === "progress" ? event.done : -1));
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.length).toBeLessThanOrEqual(101);
    expect(events.at(-1)).toEqual({
      type: "progress",
      task: "digest",
      label: "Hashing disk.qcow2 (md5)",
      done: 300 * MIB,
      total: 300 * MIB,
      unit: "bytes",
    });
  });

  it("ends with the signal's reason when it is cancelled half-way", async () => {
    const controller = new AbortController();
    const reason = new VmbuildError("INTERRUPTED", "Ctrl-C");
    const path = await makeFile(64 * MIB);
    const emit = (): void => controller.abort(reason);
    await expect(
      digestFile(path, ["sha256", "md5"], { emit, signal: controller.signal }),
    ).rejects.toBe(reason);
  });

  it.each([
    ["shrinks", (path: string) => truncateSync(path, 40 * MIB)],
    ["grows", (path: string) => truncateSync(path, 70 * MIB)],
  ])("refuses a file that %s meanwhile", async (_how, change) => {
    const path = await makeFile(64 * MIB);
    let changed = false;
    const emit = (): void => {
      if (!changed) change(path);
      changed = true;
    };
    await expect(digestFile(path, ["sha256"], { ...quiet, emit })).rejects.toMatchObject({
      code: "ARTIFACT_DIGEST",
      message: expect.stringContaining("changed while it was read") as string,
    });
  });

  it("names a file that does not exist", async () => {
    const path = join(folder, "none.qcow2");
    await expect(digestFile(path, ["sha256"], quiet)).rejects.toMatchObject({
      code: "ARTIFACT_DIGEST",
      message: expect.stringContaining(path) as string,
    });
  });
});

describe("checksum files", () => {
  it.each([
    ["an ordinary name", "demo-1.0.qcow2"],
    ["spaces", " a b .qcow2"],
    ["a backslash", "a\\b.qcow2"],
    ["ends of line", "a\nb\r.qcow2"],
    ["beyond ASCII", "größe.qcow2"],
    ["a leading asterisk, which marks binary mode", "*.qcow2"],
  ])("satisfy the -c of coreutils: %s", async (_what, name) => {
    const path = await makeFile(1000, name);
    const digests = await digestFile(path, ALGORITHMS, quiet);
    for (const algorithm of ALGORITHMS) {
      const sums = checksumPath(path, algorithm);
      await writeFile(sums, formatChecksum(digests[algorithm], name));
      execFileSync(`${algorithm}sum`, ["--strict", "-c", sums], { cwd: folder });
    }
    await appendFile(path, "x");
    expect(() =>
      execFileSync("sha256sum", ["--strict", "-c", checksumPath(path, "sha256")], {
        cwd: folder,
        stdio: "ignore",
      }),
    ).toThrow();
  });

  it("have the format of coreutils", async () => {
    const path = await makeFile(1000, "a\\b.qcow2");
    const written = execFileSync("md5sum", ["a\\b.qcow2"], { cwd: folder, encoding: "utf8" });
    const { md5 } = await digestFile(path, ["md5"], quiet);
    expect(formatChecksum(md5, "a\\b.qcow2")).toBe(written);
  });
});
