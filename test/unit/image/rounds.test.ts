/** Rounds of an acceptance section, and the ports of their checks. */
import { describe, expect, it } from "vitest";
import { failRound, portsOf, roundsOf } from "../../../src/image/rounds.js";
import type { Acceptance } from "../../../src/template/acceptance-schema.js";
import { load, templateText } from "../template/support.js";

async function section(acceptance: Record<string, unknown>): Promise<Acceptance> {
  const template = await load(templateText({ acceptance }));
  if (!template.acceptance) throw new Error("the template has no acceptance section");
  return template.acceptance;
}

const up = { name: "up", http: "/" };
const command = { name: "command", run: "true" };
const units = { name: "units", system: "no-failed-units" };

describe("roundsOf", () => {
  it("has the checks alone where the section has no rounds", async () => {
    const rounds = roundsOf(await section({ checks: [up, command] }));
    expect(rounds).toMatchObject([
      { name: undefined, newCredentials: false, context: {}, checks: [up, { name: "command" }] },
    ]);
    expect(rounds).toHaveLength(1);
  });

  it("repeats the common checks before those of each round", async () => {
    const rounds = roundsOf(
      await section({
        checks: [up],
        rounds: [
          { name: "again" },
          { name: "other", newCredentials: true, context: { A: 1 }, checks: [command] },
        ],
      }),
    );
    expect(
      rounds.map(({ name, newCredentials, context, checks }) => [
        name,
        newCredentials,
        context,
        checks.map((check) => check.name),
      ]),
    ).toEqual([
      [undefined, false, {}, ["up"]],
      ["again", false, {}, ["up"]],
      ["other", true, { A: "1" }, ["up", "command"]],
    ]);
  });
});

describe("portsOf", () => {
  const http = { ...up, name: "http", scheme: "http" };
  const own = { ...up, name: "own", port: 9000 };

  it.each([
    ["the scheme's own", {}, [up], [443]],
    ["the endpoint's", { port: 8443 }, [up], [8443]],
    ["the other scheme's own beside the endpoint's", { port: 8443 }, [up, http], [8443, 80]],
    ["port 443 for https where the endpoint is http", { scheme: "http" }, [http], [80]],
    ["the check's own", { port: 8443 }, [own], [9000]],
    ["each one once", {}, [up, { ...up, name: "twice" }, own], [443, 9000]],
    ["none for commands and the system", {}, [command, units], []],
  ])("are %s", async (_, endpoint, checks, ports) => {
    expect(portsOf(await section({ endpoint, checks }))).toEqual(ports);
  });

  it("are also those of the checks of a round", async () => {
    const rounds = [{ name: "again", checks: [own] }];
    expect(portsOf(await section({ checks: [up], rounds }))).toEqual([443, 9000]);
  });
});

describe("failRound", () => {
  it("fails each check, of every kind, for the same reason", async () => {
    const [round] = roundsOf(await section({ checks: [up, command, units] }));
    if (!round) throw new Error("a section has a round");
    const result = { ok: false, durationMs: 0, attempts: 0, reason: "it did not boot" };
    expect(failRound(round, "it did not boot")).toEqual([
      { name: "up", kind: "http", ...result },
      { name: "command", kind: "run", ...result },
      { name: "units", kind: "system", ...result },
    ]);
  });
});
