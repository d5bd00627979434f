import { describe, expect, it } from "vitest";
import { chooseEvictions } from "../../../../src/builds/prune/caches.js";
import type { CacheItem } from "../../../../src/builds/prune/caches.js";

const DAY = 86_400_000;
const NOW = 100 * DAY;
const LIMITS = { olderThanMs: 30 * DAY, maxSize: 100, all: false, now: NOW };

function item(path: string, daysAgo: number, size: number): CacheItem {
  return { kind: "input", path, label: path, size, usedAt: NOW - daysAgo * DAY };
}

function chosen(items: CacheItem[], limits = LIMITS, needed: string[] = []): string[] {
  return chooseEvictions(items, limits, ({ path }) => !needed.includes(path)).map(
    ({ item: { path }, reason }) => `${path}: ${reason}`,
  );
}

describe("what goes from the caches", () => {
  const items = [item("old", 31, 10), item("middle", 20, 60), item("new", 1, 60)];

  it("is what was not used for a long time", () => {
    expect(chosen(items, { ...LIMITS, maxSize: 1000 })).toEqual(["old: not used for 31 days"]);
  });

  it("is then the least recently used, until the rest is small enough", () => {
    expect(chosen(items)).toEqual(["old: not used for 31 days", "middle: least recently used"]);
    expect(chosen(items, { ...LIMITS, maxSize: 0 })).toHaveLength(3);
  });

  it("is everything on request, but never what is needed", () => {
    expect(chosen(items, { ...LIMITS, all: true }, ["middle"])).toEqual([
      "old: --all",
      "new: --all",
    ]);
    expect(chosen(items, { ...LIMITS, maxSize: 0 }, ["old", "middle", "new"])).toEqual([]);
  });
});
