import { expect, it } from "vitest";
import type { Checkpoint } from "../../../src/checkpoints/records.js";
import { chooseVictims } from "../../../src/checkpoints/retention.js";

const checkpoint = (index: number, key: string, usedAt = "2026-01-01"): Checkpoint =>
  ({ index, key, usedAt, memoryBytes: 90, diskBytes: 10 }) as unknown as Checkpoint;

const keysOf = (victims: readonly Checkpoint[]): string[] => victims.map(({ key }) => key);

const present = [0, 1, 2, 3].map((index) => checkpoint(index, `now-${index}`));
const current = new Set(present.map(({ key }) => key));

it("removes nothing below the limits", () => {
  expect(chooseVictims(present, current, { count: 4, size: 400 })).toEqual([]);
});

it("removes first what the template does not use, least recently used first", () => {
  const stale = [checkpoint(3, "newer", "2026-02-02"), checkpoint(3, "older", "2026-01-02")];
  const victims = chooseVictims([...stale, ...present], current, { count: 5, size: 1e9 });
  expect(keysOf(victims)).toEqual(["older"]);
  expect(keysOf(chooseVictims([...stale, ...present], current, { count: 4, size: 1e9 }))).toEqual([
    "older",
    "newer",
  ]);
});

it("then removes those of early steps, the booted guest later, and never the newest", () => {
  expect(keysOf(chooseVictims(present, current, { count: 2, size: 1e9 }))).toEqual([
    "now-1",
    "now-2",
  ]);
  expect(keysOf(chooseVictims(present, current, { count: 16, size: 100 }))).toEqual([
    "now-1",
    "now-2",
    "now-0",
  ]);
  expect(keysOf(chooseVictims(present, current, { count: 1, size: 1 }))).not.toContain("now-3");
});
