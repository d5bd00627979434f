/** Order of templates by their bases, and runs in that order. */
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { loadGraph } from "../../../src/graph/graph.js";
import type { GraphNode } from "../../../src/graph/graph.js";
import { runGraph } from "../../../src/graph/schedule.js";
import type { Template } from "../../../src/template/load.js";

/** Returns the part of a template that the graph uses. */
const template = (name: string, base?: string): Template =>
  ({
    name,
    path: `/t/${name}.json`,
    base: base === undefined ? { path: "x" } : { appliance: base },
  }) as unknown as Template;

/** Loads the graph of some templates out of `bases`, each with its base. */
async function graphOf(
  bases: Readonly<Record<string, string | undefined>>,
  named: readonly string[] = Object.keys(bases),
): Promise<GraphNode[]> {
  const load = (name: string): Template => template(name, bases[name]);
  return loadGraph(named.map(load), (name) => Promise.resolve(load(name)));
}

const order = (nodes: readonly GraphNode[]): string[] => nodes.map(({ name }) => name);

describe("the graph", () => {
  it("has every template once, after its base, otherwise in the given order", async () => {
    const bases = { z: undefined, c: "b", a: undefined, b: "a", d: "b" };
    expect(order(await graphOf(bases))).toEqual(["z", "a", "b", "c", "d"]);
  });

  it("adds bases that are not named", async () => {
    const nodes = await graphOf({ a: undefined, b: "a", c: "b" }, ["c"]);
    expect(nodes.map(({ name, isNamed }) => [name, isNamed])).toEqual([
      ["a", false],
      ["b", false],
      ["c", true],
    ]);
  });

  it("refuses a cycle, with its templates", async () => {
    await expect(graphOf({ a: "c", b: "a", c: "b" }, ["a"])).rejects.toMatchObject({
      code: "TEMPLATE_INVALID",
      message: "The bases of these templates form a cycle: a -> c -> b -> a",
      lines: ["/t/a.json", "/t/c.json", "/t/b.json"],
    });
  });

  it("refuses two templates of one name", async () => {
    const other = { ...template("a"), path: "/other/a.json" };
    await expect(
      loadGraph([template("a"), template("b", "x")], () => Promise.resolve(other)),
    ).rejects.toMatchObject({ code: "USAGE", lines: ["/t/a.json", "/other/a.json"] });
  });
});

/** Runs a graph whose work takes one turn, and returns what happened. */
async function runAll(
  bases: Readonly<Record<string, string | undefined>>,
  { parallel = 1, fails = "", abortIn = "" } = {},
) {
  const nodes = await graphOf(bases);
  const events: string[] = [];
  const controller = new AbortController();
  let running = 0;
  let most = 0;
  const results = await runGraph(nodes, {
    parallel,
    signal: controller.signal,
    succeeded: (ok: boolean) => ok,
    async run({ name }) {
      events.push(`+${name}`);
      most = Math.max(most, ++running);
      await turn();
      if (name === abortIn) controller.abort();
      running--;
      events.push(`-${name}`);
      return name !== fails;
    },
  });
  const described = nodes.map(({ name }) => {
    const result = results.get(name);
    if (!result) return [name, "not started"];
    return [name, "value" in result ? result.value : `needs ${result.failedBase.name}`];
  });
  return { events, most, results: Object.fromEntries(described) as Record<string, unknown> };
}

describe("a run of the graph", () => {
  const chain = { a: undefined, b: "a", c: "b", other: undefined };

  it("starts each node after its base has ended", async () => {
    const { events } = await runAll(chain);
    expect(events).toEqual(["+a", "-a", "+b", "-b", "+c", "-c", "+other", "-other"]);
  });

  it("runs several at a time, as many as allowed, but none before its base", async () => {
    const { events, most } = await runAll(chain, { parallel: 3 });
    expect(events.slice(0, 2)).toEqual(["+a", "+other"]);
    expect(events.indexOf("-a")).toBeLessThan(events.indexOf("+b"));
    expect(most).toBe(2);
    const wide = { a: undefined, b: undefined, c: undefined, d: undefined };
    expect((await runAll(wide, { parallel: 3 })).most).toBe(3);
  });

  it("does not run what depends on a failure, and names the base that failed", async () => {
    const { results } = await runAll(chain, { fails: "a" });
    expect(results).toEqual({ a: false, b: "needs a", c: "needs a", other: true });
  });

  it("starts nothing after a cancellation", async () => {
    const { results } = await runAll(chain, { abortIn: "a" });
    expect(results).toEqual({
      ...{ a: true, b: "not started", c: "not started", other: "not started" },
    });
  });
});
