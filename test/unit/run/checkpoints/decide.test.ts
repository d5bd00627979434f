import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { decide, parentKeyOf, summarize } from "../../../../src/run/checkpoints/decide.js";
import type { ManifestChain, StoredCheckpoints } from "../../../../src/run/checkpoints/decide.js";
import { keyOf } from "../../../../src/checkpoints/manifest.js";
import type { Manifest } from "../../../../src/checkpoints/manifest.js";
import type { Checkpoint } from "../../../../src/checkpoints/records.js";
import { StoredTexts } from "../../../../src/checkpoints/store.js";
import type { Step } from "../../../../src/steps/schema.js";

let folder: string;
let texts: StoredTexts;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-decide-"));
  texts = new StoredTexts(folder);
});
afterEach(() => rm(folder, { recursive: true }));

const steps = ["one", "two", "three"].map((name) => ({ name, cache: true }) as unknown as Step);
const never = (name: string) =>
  steps.map((step) => (step.name === name ? { ...step, cache: false } : step));

const chainOf = (...values: string[]): ManifestChain => ({
  root: { base: "sha256:abc", "machine.memory": "768 MiB" },
  steps: steps.map(({ name }, index): Manifest => ({ name, "action 1 run": values[index] ?? "" })),
});

/** Creates a store as left by a run of this chain. */
function storeOf(chain: ManifestChain, changes: Partial<Record<number, Partial<Checkpoint>>> = {}) {
  const checkpoints: Checkpoint[] = [];
  let parent = "";
  for (const [index, manifest] of [chain.root, ...chain.steps].entries()) {
    const key = keyOf(parent, manifest);
    const checkpoint: Checkpoint = {
      tag: `tag-${index}`,
      index,
      step: steps[index - 1]?.name ?? "",
      key,
      manifest,
      createdAt: `2026-01-01T00:00:0${index}Z`,
      usedAt: "",
      stepMs: 1,
      saveMs: 1,
      memoryBytes: 1,
      diskBytes: 1,
      date: 1,
      synced: true,
      ...changes[index],
    };
    checkpoints.push(checkpoint);
    parent = parentKeyOf(checkpoint);
  }
  return { checkpoints, records: { root: chain.root } } as unknown as StoredCheckpoints;
}

it("caches all steps of an unchanged build", async () => {
  const chain = chainOf("a", "b", "c");
  const decision = await decide({
    chain,
    steps,
    store: storeOf(chain),
    texts,
    options: {},
  });
  expect(decision.cachedSteps).toBe(3);
  expect(decision.candidates.map(({ tag }) => tag)).toEqual(["tag-3", "tag-2", "tag-1", "tag-0"]);
  expect(summarize(decision)).toBe("all 3 steps are cached");
});

it("resumes after the last unchanged step, and reports what changed", async () => {
  const decision = await decide({
    chain: chainOf("a", "B", "c"),
    steps,
    store: storeOf(chainOf("a", "b", "c")),
    texts,
    options: {},
  });
  expect(decision.cachedSteps).toBe(1);
  expect(decision.steps.map(({ cached, reason }) => [cached, reason])).toEqual([
    [true, ""],
    [false, "action 1 run changed (b to B)"],
    [false, "an earlier step runs"],
  ]);
  expect(summarize(decision)).toBe(
    "step 2 (two) runs: action 1 run changed (b to B); first step to run after 1 cached step",
  );
});

it("does not need the checkpoints in between", async () => {
  const chain = chainOf("a", "b", "c");
  const store = storeOf(chain);
  const only: StoredCheckpoints = { ...store, checkpoints: store.checkpoints.slice(3) };
  expect((await decide({ chain, steps, store: only, texts, options: {} })).cachedSteps).toBe(3);
});

it("runs everything when the machine or the base changed", async () => {
  const chain = chainOf("a", "b", "c");
  const other = { ...chain, root: { ...chain.root, "machine.memory": "1024 MiB" } };
  const decision = await decide({
    chain: other,
    steps,
    store: storeOf(chain),
    texts,
    options: {},
  });
  expect(decision.candidates).toEqual([]);
  expect(decision.steps[0]?.reason).toBe("machine.memory changed (768 MiB to 1024 MiB)");
});

it("respects --from, --force and steps that are never cached", async () => {
  const chain = chainOf("a", "b", "c");
  const store = storeOf(chain);
  const from = await decide({
    chain,
    steps,
    store,
    texts,
    options: { from: "two" },
  });
  expect([from.cachedSteps, from.steps[1]?.reason]).toEqual([1, "--from"]);
  const force = await decide({
    chain,
    steps,
    store,
    texts,
    options: { force: true },
  });
  expect([force.candidates, force.steps[0]?.reason]).toEqual([[], "--force"]);
  const each = await decide({
    chain,
    steps: never("three"),
    store,
    texts,
    options: {},
  });
  expect([each.cachedSteps, each.steps[2]?.reason]).toEqual([2, '"cache": false']);
  // The first of the two counts.
  const both = await decide({
    chain,
    steps: never("one"),
    store,
    texts,
    options: { from: "three" },
  });
  expect(both.cachedSteps).toBe(0);
});

it("resumes from a checkpoint that was modified with ssh --save, and reports it", async () => {
  const chain = chainOf("a", "b", "c");
  const store = storeOf(chain, { 2: { changedByHand: "nonce" } });
  const decision = await decide({ chain, steps, store, texts, options: {} });
  expect([decision.cachedSteps, decision.changedByHand]).toEqual([3, ["two"]]);
  // Without that checkpoint, those of later steps are not valid for this template.
  const without = store.checkpoints.filter(({ index }) => index !== 2);
  const clean: StoredCheckpoints = { ...store, checkpoints: without };
  expect((await decide({ chain, steps, store: clean, texts, options: {} })).cachedSteps).toBe(1);
});
