import { describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { rateLimitWait } from "../../../src/inputs/rate-limit.js";
import { formatIndex, parseIndex } from "../../../src/release/index-file.js";
import {
  PART_LIMIT,
  belongsTo,
  imageAsset,
  imageOf,
  isInternal,
  partName,
} from "../../../src/release/names.js";
import {
  parseStagedName,
  retiredName,
  stagedName,
  stagingKey,
} from "../../../src/release/names.js";
import { parsePartSize } from "../../../src/release/part-size.js";

describe("names of assets", () => {
  it("are those that consumers look for", () => {
    expect(imageAsset("debian-13")).toBe("debian-13.qcow2");
    expect([0, 1, 25, 26, 675].map((index) => partName("x", index))).toEqual([
      ...["x.qcow2.partaa", "x.qcow2.partab", "x.qcow2.partaz", "x.qcow2.partba", "x.qcow2.partzz"],
    ]);
    expect(() => partName("x", 676)).toThrow(VmbuildError);
  });

  it.each([
    ["demo.qcow2", "demo"],
    ["demo.qcow2.partab", "demo"],
    ["demo.qcow2.json", "demo"],
    ["demo.qcow2.sha256", "demo"],
    ["demo.qcow2.manifest.json", "demo"],
    ["a.b.qcow2", "a.b"],
    ["demo.qcow2.asc", undefined],
    ["demo.qcow2.partabc", undefined],
    ["demo.img", undefined],
    [".qcow2", undefined],
  ])("of %s belong to the image %s", (asset, image) => {
    expect(imageOf(asset)).toBe(image);
  });

  it("that consumers take for parts belong to the image, too", () => {
    for (const name of ["demo.qcow2.partabc", "demo.qcow2.part", "demo.qcow2.partaa.tmp"])
      expect(belongsTo("demo", name)).toBe(true);
    expect(belongsTo("demo", "demo.qcow2.sha256")).toBe(true);
    expect(belongsTo("demo", "demo.qcow2.asc")).toBe(false);
    expect(belongsTo("demo", "old-demo.qcow2.partaa")).toBe(false);
  });

  it("of uploads are neither images nor parts", () => {
    const owner = { host: "0123abcd", pid: 17 };
    const key = stagingKey("demo.qcow2.partaa", "f".repeat(64));
    const staged = stagedName(key, owner);
    expect(parseStagedName(staged)).toEqual({ key, owner });
    for (const name of [staged, retiredName("demo", "5")]) {
      expect(name).not.toMatch(/qcow2/);
      expect(isInternal(name)).toBe(true);
    }
    expect(isInternal("demo.qcow2")).toBe(false);
    // Parts with the same content, such as zeros, are uploads of their own.
    expect(stagingKey("demo.qcow2.partab", "f".repeat(64))).not.toBe(key);
  });
});

describe("sizes of parts", () => {
  it("are at most GitHub's limit", () => {
    expect(parsePartSize(undefined)).toBeUndefined();
    expect(parsePartSize("1G")).toBe(2 ** 30);
    expect(parsePartSize(String(PART_LIMIT))).toBe(PART_LIMIT);
    for (const text of ["2G", "0", "x"]) expect(() => parsePartSize(text)).toThrow(VmbuildError);
  });
});

describe("the index", () => {
  const index = {
    ...{ name: "demo", version: "1", file: "demo.qcow2", size: 3, sha256: "a".repeat(64) },
    parts: [
      { name: "demo.qcow2.partaa", size: 2, sha256: "b".repeat(64) },
      { name: "demo.qcow2.partab", size: 1, sha256: "c".repeat(64) },
    ],
  };

  it("is read as it was written", () => {
    expect(parseIndex(formatIndex(index), "demo.qcow2.json")).toMatchObject(index);
  });

  it.each([
    ["", "is not valid JSON"],
    ["{}", "is not the index of an image"],
    [formatIndex({ ...index, size: 4 }), "is not the index of an image"],
    [formatIndex(index).replace("partaa", "../x"), "is not the index of an image"],
  ])("is refused when it is %j", (text, message) => {
    expect(() => parseIndex(text, "demo.qcow2.json")).toThrow(message);
  });
});

describe("rate limits", () => {
  const now = Date.UTC(2026, 0, 1);
  const reset = String(now / 1000 + 90);
  it.each([
    [403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset }, 91_000],
    [429, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset }, 91_000],
    [403, { "retry-after": "60" }, 60_000],
    [403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999" }, 3_600_000],
    [403, { "x-ratelimit-remaining": "12", "x-ratelimit-reset": reset }, undefined],
    [403, {}, undefined],
    [503, { "retry-after": "60" }, undefined],
  ])("of a response %i with %j are waited for", (status, headers, ms) => {
    const header = (name: string) => (headers as Record<string, string>)[name];
    expect(rateLimitWait(status, header, now)).toBe(ms);
  });
});
