/** Order and retries of checks. */
import { expect, it } from "vitest";
import { checkSchema } from "../../../src/acceptance/check-schema.js";
import { runChecks } from "../../../src/acceptance/run.js";
import type { CheckResult, CheckRun } from "../../../src/acceptance/run.js";
import type { EventBody } from "../../../src/events/types.js";
import { startServer } from "../../support/https-server.js";

async function run(checks: unknown[], more: Partial<CheckRun> & { address: string }) {
  const results: CheckResult[] = [];
  const events: EventBody[] = [];
  const { address, ...others } = more;
  const trust = { kind: "insecure" } as const;
  const returned = await runChecks(
    checks.map((check) => checkSchema.parse(check)),
    {
      targets: { http: { address: () => address, trust, credentials: { user: "" } } },
      startedAt: performance.now(),
      emit: (event) => events.push(event),
      signal: new AbortController().signal,
      onResult: (result) => results.push(result),
      ...others,
    },
  );
  expect(returned).toEqual(results);
  return { results, events };
}

it("retries a check until it passes, and continues after one that fails", async () => {
  let asked = 0;
  await using server = await startServer((_seen, response) => {
    asked++;
    response.writeHead(asked < 3 ? 503 : 200).end();
  });
  const { results, events } = await run(
    [
      { name: "ready", http: "/", within: "1m" },
      { name: "wrong", http: "/", status: 404 },
      { name: "right", http: "/" },
    ],
    { address: server.address, round: "again" },
  );
  expect(results.map(({ name, ok, attempts }) => [name, ok, attempts])).toEqual([
    ["ready", true, 3],
    ["wrong", false, 1],
    ["right", true, 1],
  ]);
  expect(events).toMatchObject([
    { type: "check.finished", check: "ready", round: "again", ok: true },
    { check: "wrong", ok: false, reason: "got HTTP 200, expected 404" },
    { check: "right", ok: true },
  ]);
});

it("counts the time from the guest's start, not from the check's", async () => {
  await using server = await startServer((_seen, response) => void response.writeHead(503).end());
  const long = performance.now() - 120_000;
  const check = { name: "late", http: "/", within: "1m" };
  const { results } = await run([check], { address: server.address, startedAt: long });
  expect(results).toMatchObject([{ ok: false, attempts: 1 }]);
  const once = await run([check], { address: server.address, maxWaitMs: 0 });
  expect(once.results).toMatchObject([{ ok: false, attempts: 1 }]);
});

it("does not wait for a guest that cannot answer any more", async () => {
  const check = { name: "up", http: "/", within: "1h" };
  const hopeless = { hopelessReason: () => Promise.resolve("Kernel panic - not syncing") };
  const { results } = await run([check], { address: "http://127.0.0.1:9", ...hopeless });
  expect(results).toMatchObject([
    { ok: false, attempts: 1, reason: "connection refused (Kernel panic - not syncing)" },
  ]);
});

it("does not retry a permanent failure", async () => {
  const check = { name: "who", http: "/", auth: "bearer", within: "1h" };
  const { results } = await run([check], { address: "http://127.0.0.1:9" });
  expect(results).toMatchObject([{ ok: false, attempts: 1, reason: "the token is unknown" }]);
});

it("fails checks that need a guest where there is none", async () => {
  const { results } = await run(
    [
      { name: "cmd", run: "true", within: "1h" },
      { name: "units", system: "no-failed-units" },
    ],
    { address: "http://127.0.0.1:9" },
  );
  expect(results).toMatchObject([
    { name: "cmd", kind: "run", ok: false, reason: "the guest cannot be reached over SSH" },
    { name: "units", kind: "system", ok: false },
  ]);
});

it("ends when it is cancelled, also while it waits", async () => {
  const cancel = new AbortController();
  await using server = await startServer((_seen, response) => {
    response.writeHead(503).end(() => cancel.abort(new Error("cancelled")));
  });
  const check = { name: "never", http: "/", within: "1h" };
  const work = run([check], { address: server.address, signal: cancel.signal });
  await expect(work).rejects.toThrow("cancelled");
});
