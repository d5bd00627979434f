import { open, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { namesOrAll } from "../../../src/cli/release-work.js";
import { openRelease } from "../../../src/release/registry.js";
import { writeSparse } from "../../../src/release/sparse.js";

describe("places of releases", () => {
  const context = { emit: () => {}, signal: new AbortController().signal };

  it.each([
    [{ store: "nowhere" }, "is not a store"],
    [{ store: "ftp://host/path" }, "is not a store"],
    [{ store: "github:x" }, "github:OWNER/REPO"],
    [{ store: "s3://" }, "s3://BUCKET/PREFIX"],
    [{ store: "~/images" }, "only shells expand"],
    [{ store: "./store", tag: "a/b" }, "is not a valid tag"],
    [{ store: "./store", tag: ".." }, "is not a valid tag"],
  ])("%j is refused", async (place, message) => {
    const opened = (async () => openRelease(place, context))();
    await expect(opened).rejects.toMatchObject({ code: "USAGE" });
    await expect(opened).rejects.toThrow(message);
  });

  it("are read for named images, or for all", () => {
    expect(namesOrAll(["a"])).toEqual(["a"]);
    expect(namesOrAll([], true)).toEqual([]);
    expect(() => namesOrAll([])).toThrow("No image is named");
    expect(() => namesOrAll(["a"], true)).toThrow("takes no names");
  });
});

describe("sparse writing", () => {
  it("leaves holes for zeros, and overwrites other content with them", async () => {
    const folder = await mkdtemp(join(tmpdir(), "vmbuild-sparse-"));
    const path = join(folder, "data");
    const file = await open(path, "w+");
    try {
      await file.truncate(2 ** 22);
      await writeSparse(file, Buffer.from("old"), 10);
      await writeSparse(file, Buffer.alloc(2 ** 21), 2 ** 20);
      await writeSparse(file, Buffer.alloc(2 ** 16), 0);
      expect((await readFile(path)).equals(Buffer.alloc(2 ** 22))).toBe(true);
      const { blocks } = await stat(path);
      expect(blocks * 512).toBeLessThan(2 ** 20);
    } finally {
      await file.close();
      await rm(folder, { recursive: true });
    }
  });
});
