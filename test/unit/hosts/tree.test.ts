import { chmod, mkdtemp, readFile, readdir, readlink, rm, stat, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { BundleEntry } from "../../../src/hosts/messages.js";
import { ContentStore } from "../../../src/hosts/server/store.js";
import { bundleFolder, layOut, pruneBundles } from "../../../src/hosts/server/tree.js";

let folder: string;
let store: ContentStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-bundle-"));
  store = new ContentStore(folder);
});
afterEach(() => rm(folder, { recursive: true }));

/** Stores a text, and returns it as the file of a bundle. */
async function file(path: string, text: string, mode = 0o644): Promise<BundleEntry> {
  const sha256 = createHash("sha256").update(text).digest("hex");
  const size = Buffer.byteLength(text);
  await store.put({ sha256, size }, 0, Readable.from([Buffer.from(text)]));
  return { type: "file", path, mode, size, sha256 };
}

const place = () => bundleFolder(folder, "demo");
const at = (path: string): string => join(place().tree, path);

it("lays out files with their modes, folders and links", async () => {
  await layOut(
    place(),
    [
      { type: "directory", path: "/home/me/site", mode: 0o555 },
      await file("/home/me/site/run.sh", "echo", 0o755),
      { type: "symlink", path: "/home/me/site/link", link: "run.sh" },
    ],
    store,
  );
  expect(await readFile(at("/home/me/site/run.sh"), "utf8")).toBe("echo");
  expect((await stat(at("/home/me/site/run.sh"))).mode & 0o777).toBe(0o755);
  expect(await readlink(at("/home/me/site/link"))).toBe("run.sh");
});

it("replaces what has changed, removes what is gone, and keeps what runs have written", async () => {
  const kept = await file("/a/kept", "same");
  await layOut(
    place(),
    [
      kept,
      await file("/a/changed", "one"),
      await file("/a/gone", "x"),
      { type: "directory", path: "/a/folder", mode: 0o755 },
      { type: "symlink", path: "/a/link", link: "/etc" },
    ],
    store,
  );
  const { ino } = await stat(at("/a/kept"));
  await writeFile(at("/a/written"), "by a run");
  await layOut(
    place(),
    [kept, await file("/a/changed", "two"), await file("/a/link/x", "not in /etc")],
    store,
  );
  expect((await stat(at("/a/kept"))).ino).toBe(ino);
  expect(await readFile(at("/a/changed"), "utf8")).toBe("two");
  expect((await readdir(at("/a"))).toSorted()).toEqual(["changed", "kept", "link", "written"]);
  expect(await readFile(at("/a/link/x"), "utf8")).toBe("not in /etc");
});

it("writes a file again that a run has changed", async () => {
  const entry = await file("/a/file", "text");
  await layOut(place(), [entry], store);
  await writeFile(at("/a/file"), "texx");
  await chmod(at("/a/file"), 0o600);
  await layOut(place(), [entry], store);
  expect(await readFile(at("/a/file"), "utf8")).toBe("text");
  expect((await stat(at("/a/file"))).mode & 0o777).toBe(0o644);
});

it("replaces a file by a folder, and a folder by a file", async () => {
  await layOut(place(), [await file("/a", "x"), await file("/b/c", "y")], store);
  await layOut(place(), [await file("/a/c", "x"), await file("/b", "y")], store);
  expect(await readFile(at("/a/c"), "utf8")).toBe("x");
  expect(await readFile(at("/b"), "utf8")).toBe("y");
});

it("stores a content only when it is the announced one, and continues a part of it", async () => {
  const text = "0123456789";
  const sha256 = createHash("sha256").update(text).digest("hex");
  const content = { sha256, size: 10 };
  const parts = (some: string): Readable => Readable.from([Buffer.from(some)]);
  await store.put(content, 0, parts("0123"));
  expect(await store.have(content)).toBe(4);
  await store.put(content, 4, parts("456789"));
  expect(await store.have(content)).toBeUndefined();
  const other = { sha256: "0".repeat(64), size: 3 };
  await expect(store.put(other, 0, parts("abc"))).rejects.toThrow("another content");
  expect(await store.have(other)).toBe(0);
});

it("removes bundles that were not used, unless a run uses them", async () => {
  await layOut(place(), [await file("/a", "x")], store);
  const later = Date.now() + 1000;
  await pruneBundles(folder, later, () => true);
  expect(await readdir(join(folder, "bundles"))).toEqual(["demo"]);
  await pruneBundles(folder, later, () => false);
  expect(await readdir(join(folder, "bundles"))).toEqual([]);
});
