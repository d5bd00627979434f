/** Sends the events of runs as processes, also of one that was killed. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSlowBuild } from "../../support/detached-runs.js";
import type { SlowBuild } from "../../support/detached-runs.js";
import { eventually, isAlive } from "../../support/e2e.js";
import { startHub } from "../../support/hub.js";
import type { Hub } from "../../support/hub.js";

let slow: SlowBuild;
let hub: Hub;
beforeEach(async () => {
  slow = await createSlowBuild();
  hub = await startHub();
});
afterEach(async () => {
  await hub.stop();
  await slow[Symbol.asyncDispose]();
});

interface Received {
  readonly type: string;
  readonly runId: string;
  readonly seq: number;
  readonly error?: { readonly code: string };
}

const received = (): Received[] => hub.accepted.map(({ body }) => JSON.parse(body) as Received);

describe("sinks of a run", () => {
  it("get the events of a run that was killed while the hub was down", async () => {
    const { home } = slow;
    const template = JSON.parse(await readFile(join(home.folder, "slow.json"), "utf8")) as object;
    await home.write({
      "slow.json": {
        ...template,
        variables: { token: { sensitive: true, default: "hunter22" } },
        sinks: { hub: { webhook: hub.url, headers: { "X-Token": "${var.token}" } } },
      },
    });
    await hub.stop();
    const { runId, pid } = await slow.detach();
    const spool = join(await slow.runFolder(runId), "sinks/hub");
    await eventually(async () => (await readdir(spool).catch(() => [])).length > 0, 10);
    process.kill(pid, "SIGKILL");
    await eventually(async () => !(await isAlive(pid)), 10);
    const texts = await Promise.all(
      (await readdir(spool)).map((name) => readFile(join(spool, name), "utf8")),
    );
    expect(texts.join("")).toContain("run.started");
    expect(texts.join("")).not.toContain("hunter22");

    const failed = await home.run("deliver", "slow.json", "--json");
    expect(failed.exitCode).toBe(3);
    expect(failed.stderr).toContain("[SINK_FAILED]");
    expect(failed.stderr).toContain("connection refused");
    await hub.start();
    const done = await home.run("deliver", "slow.json");
    expect(done).toMatchObject({ exitCode: 0 });
    expect(done.stdout).toMatch(/^slow, hub: \d+ events delivered$/);
    expect(received()[0]).toMatchObject({ type: "run.started", runId, seq: 1 });
    expect(received().at(-1)).toMatchObject({ type: "run.failed", error: { code: "RUN_KILLED" } });
    const numbers = received().map(({ seq }) => seq);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(hub.accepted.every(({ headers }) => headers["x-token"] === "hunter22")).toBe(true);
    const nothing = await home.run("deliver", "slow.json");
    expect(nothing).toMatchObject({ exitCode: 0, stdout: "" });
    expect(nothing.stderr).toContain("No events wait");
  });

  it("do not keep a run from ending, and get its end", async () => {
    hub.always = () => {};
    const sink = JSON.stringify({ webhook: hub.url, drain: "300ms" });
    await slow.detach("--sink", `hub=${sink}`, "--sink", "file=log.txt");
    await hub.until(() => hub.requests.length > 0);
    const stopped = await slow.home.run("stop", "slow");
    expect(stopped).toMatchObject({ exitCode: 0 });
    const events = await readFile(join(await slow.runFolder(), "events.ndjson"), "utf8");
    expect(events).toContain('"type":"sink.finished"');
    const lines = (await readFile(join(slow.home.folder, "log.txt"), "utf8")).trim().split("\n");
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ type: "run.failed" });
    hub.always = undefined;
    const done = await slow.home.run("deliver", "slow.json", "--sink", `hub=${sink}`);
    expect(done).toMatchObject({ exitCode: 0 });
    expect(received().at(-1)).toMatchObject({ type: "run.failed", error: { code: "TERMINATED" } });
  });

  it("are checked with the template, with their places", async () => {
    const { home } = slow;
    const base = { path: "base.qcow2" };
    const sinks = {
      one: { webhook: "ftp://hub", rate: 0 },
      two: { webhook: "https://hub", body: "${text}", batch: { count: 2 } },
      three: { syslog: "udp:/x" },
      four: { file: "${event.build}" },
      five: {},
    };
    await home.write({ "bad.json": { name: "bad", base, sinks } });
    const { exitCode, stdout, stderr } = await home.run("validate", "bad.json");
    expect(exitCode).toBe(2);
    const text = stdout + stderr;
    expect(text).toContain("the URL does not begin with https:// or http://");
    expect(text).toContain("body and batch are mutually exclusive");
    expect(text).toContain("use udp://HOST[:PORT], tcp://HOST[:PORT] or unix:/PATH");
    expect(text).toContain('has a value only in the body of a webhook in "sinks"');
    expect(text).toContain("a sink is {webhook}, {file}, {syslog}, {github: true} or {otlp}");
    const right = await home.run("validate", "slow.json", "--sink", "syslog=unix:/dev/log");
    expect(right.exitCode).toBe(0);
  });
});
