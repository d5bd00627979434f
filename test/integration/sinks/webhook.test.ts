/** Delivers events to a hub that is there, is not there, and is there again. */
import { execFile } from "node:child_process";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Hub } from "../../support/hub.js";
import { eachTestWithHub, note } from "../../support/sinks.js";
import type { SinkFolder } from "../../support/sinks.js";

let hub: Hub;
let place: SinkFolder;
eachTestWithHub((started, folder) => {
  hub = started;
  place = folder;
});

interface Received {
  readonly id: string;
  readonly seq: number;
  readonly message?: string;
  readonly type: string;
}

/** Returns the events that the hub has accepted; each once, by their ids. */
function received(): Received[] {
  const all = hub.accepted.flatMap(({ body }) => JSON.parse(body) as Received | Received[]);
  return [...new Map(all.map((event) => [event.id, event])).values()];
}

const messages = (): (string | undefined)[] => received().map(({ message }) => message);

/** Answers with success only after the connection was cut once: the hub has the event already. */
const acceptAndCut = (): void => {
  hub.answers.push((response, request) => {
    hub.accepted.push(request);
    response.socket?.destroy();
  });
};

describe("webhook", () => {
  it("gets each event once, in order, with the settings of the request", async () => {
    const run = await place.run("r1", {
      webhook: hub.url.replace("//", "//user:pa%20ss@"),
      method: "PUT",
      headers: { "X-Token": "t0p" },
    });
    run.emit({ type: "run.started", name: "demo", version: "1", runId: "r1", runFolder: "/r" });
    run.emit({ type: "output", source: "guest", stream: "stdout", line: "not sent" });
    run.emit(note("one"));
    expect(await run.end()).toMatchObject({ sink: "hub", delivered: 2, waiting: 0, lost: 0 });
    expect(hub.requests.map(({ method, headers }) => [method, headers["x-token"]])).toEqual([
      ["PUT", "t0p"],
      ["PUT", "t0p"],
    ]);
    expect(hub.requests[0]?.headers).toMatchObject({
      "content-type": "application/json",
      "idempotency-key": "r1-1",
      authorization: `Basic ${Buffer.from("user:pa ss").toString("base64")}`,
    });
    expect(received()).toMatchObject([
      { id: "r1-1", seq: 1, runId: "r1", type: "run.started", build: "demo", v: 1 },
      { id: "r1-2", seq: 2, runId: "r1", type: "note", message: "one" },
    ]);
    expect(run.reports.filter(({ type }) => type === "warning")).toEqual([]);
    // Nothing is left on disk.
    expect(await readdir(place.folder)).toEqual([]);
  });

  it("gets everything after it failed, cut connections and was restarted on its port", async () => {
    const run = await place.run("r1", { webhook: hub.url });
    hub.answers.push(503);
    acceptAndCut();
    run.emit(note("one"));
    await hub.until(() => hub.accepted.length >= 2);
    await hub.stop();
    for (const text of ["two", "three", "four"]) run.emit(note(text));
    await hub.start();
    await hub.until(() => messages().includes("four"));
    expect(await run.end()).toMatchObject({ waiting: 0, lost: 0 });
    const warnings = run.reports.filter(({ type }) => type === "warning");
    expect(warnings).toMatchObject([
      { message: expect.stringContaining("the server answered 503") as string },
    ]);
    const texts = messages().filter((text) => !text?.startsWith("The sink hub"));
    expect(texts).toEqual(["one", "two", "three", "four"]);
    const numbers = received().map(({ seq }) => seq);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    // The repeated attempts had the same id.
    const ids = hub.requests.slice(0, 3).map(({ headers }) => headers["idempotency-key"]);
    expect(ids).toEqual(["r1-1", "r1-1", "r1-1"]);
  });

  it("ends in its time although the hub never answers, and delivers in the next run", async () => {
    hub.always = () => {};
    const first = await place.run("r1", { webhook: hub.url, drain: "200ms" });
    for (let at = 0; at < 100; at++) first.emit(note(`first ${at}`));
    const end = await first.end();
    expect(end).toMatchObject({ delivered: 0, waiting: 100, lost: 0 });
    hub.always = undefined;
    const second = await place.run("r2", { webhook: hub.url }, { earlier: ["r1"] });
    second.emit(note("second"));
    expect(await second.end()).toMatchObject({ delivered: 101, waiting: 0, lost: 0 });
    expect(messages()).toEqual([
      ...Array.from({ length: 100 }, (_, at) => `first ${at}`),
      "second",
    ]);
    expect(received().at(0)?.id).toBe("r1-1");
    expect(await readdir(place.folder)).toEqual([]);
  });

  it("gives up soon after the end when connections are refused", async () => {
    await hub.stop();
    const run = await place.run("r1", { webhook: hub.url, drain: "60s" });
    run.emit(note("one"));
    const end = await run.end();
    // The warning about the hub is an event of its own, which waits too.
    expect(end).toMatchObject({ delivered: 0, waiting: 2, reason: "connection refused" });
  });

  it("tells of an earlier run that was killed", async () => {
    hub.always = () => {};
    const first = await place.run("r1", { webhook: hub.url, drain: "50ms" });
    first.emit(note("one"));
    await first.end();
    // The process was killed while it wrote a line.
    const [segment = ""] = (await readdir(join(place.folder, "r1"))).filter((name) =>
      name.endsWith(".ndjson"),
    );
    await writeFile(join(place.folder, "r1", segment), '{"id":"r1-2","se', { flag: "a" });
    hub.always = undefined;
    const killed = { code: "RUN_KILLED", runFolder: "/runs/r1", durationMs: 5000 } as const;
    const earlier = [{ runId: "r1", killed }];
    const second = await place.run("r2", { webhook: hub.url }, { earlier });
    expect(await second.end()).toMatchObject({ delivered: 2, waiting: 0 });
    expect(received()).toMatchObject([
      { message: "one" },
      { id: "r1-2", type: "run.failed", build: "demo", error: { code: "RUN_KILLED", exit: 143 } },
    ]);
  });

  it("does not repeat what was refused, and delivers the rest", async () => {
    const run = await place.run("r1", { webhook: hub.url, events: ["note"] });
    hub.answers.push(200, 422);
    for (const text of ["one", "two", "three"]) run.emit(note(text));
    expect(await run.end()).toMatchObject({
      delivered: 2,
      lost: 1,
      reason: "the server answered 422",
    });
    expect(messages()).toEqual(["one", "three"]);
  });

  it("sends batches, and the events of a refused batch alone", async () => {
    const batch = { count: 3, every: "10ms" };
    const run = await place.run("r1", { webhook: hub.url, events: ["note"], batch });
    hub.answers.push((response, { body }) => {
      expect(JSON.parse(body)).toHaveLength(3);
      response.writeHead(413).end();
    });
    for (const text of ["one", "two", "three", "four"]) run.emit(note(text));
    expect(await run.end()).toMatchObject({ delivered: 4, lost: 0 });
    expect(messages()).toEqual(["one", "two", "three", "four"]);
    const sizes = hub.accepted.map(({ body }) => (JSON.parse(body) as unknown[]).length);
    expect(sizes).toEqual([1, 1, 1, 1]);
    expect(hub.requests[0]?.headers["idempotency-key"]).toBe("r1-1..r1-3");
  });

  it("limits the rate of requests, and thins progress", async () => {
    const run = await place.run("r1", { webhook: hub.url, rate: 20, progress: "1h" });
    const progress = {
      type: "progress",
      task: "t",
      label: "copy",
      total: 10,
      unit: "bytes",
    } as const;
    const started = performance.now();
    for (let done = 1; done <= 10; done++) run.emit({ ...progress, done });
    for (const text of ["one", "two"]) run.emit(note(text));
    await run.end();
    expect(received().map((event) => event.type)).toEqual(["progress", "progress", "note", "note"]);
    expect(performance.now() - started).toBeGreaterThan(140);
  });

  it("fills in the template of its body, without secrets", async () => {
    const body = { text: "${event.build}: ${text}", event: "${event}", none: "${event.nothing}" };
    const run = await place.run("r1", { webhook: hub.url, body });
    run.secrets.add("hunter22");
    run.emit({ type: "step.started", step: 'a "b" hunter22', index: 1, total: 2 });
    await run.end();
    expect(JSON.parse(hub.accepted[0]?.body ?? "")).toMatchObject({
      text: 'demo: step [1/2] a "b" ***',
      event: { type: "step.started", index: 1 },
      none: null,
    });
    const plain = await place.run("r2", { webhook: hub.url, body: "$${text} is ${text}" });
    plain.emit(note("x"));
    await plain.end();
    expect(hub.accepted[1]).toMatchObject({ body: "${text} is x" });
    expect(hub.accepted[1]?.headers["content-type"]).toContain("text/plain");
  });

  it("bounds what it stores, and counts what is lost", async () => {
    hub.always = () => {};
    const settings = { webhook: hub.url, drain: "50ms", spool: "1M", events: ["*"] };
    const run = await place.run("r1", settings);
    const line = "x".repeat(1000);
    for (let at = 0; at < 1500; at++) {
      run.emit({ type: "output", source: "guest", stream: "stdout", line });
    }
    run.emit(note("still stored"));
    const { waiting, lost } = (await run.end()) as { waiting: number; lost: number };
    expect(lost).toBeGreaterThan(1000);
    expect(waiting).toBe(1502 - lost);
    const names = await readdir(join(place.folder, "r1"));
    const texts = await Promise.all(
      names.map((name) => readFile(join(place.folder, "r1", name), "utf8")),
    );
    expect(texts.join("").length).toBeLessThan(1024 * 1024);
    expect(texts.join("")).toContain("still stored");
  });

  it("takes more than it stores while the hub keeps up", async () => {
    const settings = { webhook: hub.url, spool: "1M", events: ["*"], batch: { count: 100 } };
    const run = await place.run("r1", settings);
    const line = "x".repeat(1000);
    for (let at = 1; at <= 2000; at++) {
      run.emit({ type: "output", source: "guest", stream: "stdout", line });
      if (at % 100 === 0) await hub.until(() => received().length === at);
    }
    expect(await run.end()).toMatchObject({ delivered: 2000, waiting: 0, lost: 0 });
  });
});

const sudo = promisify(execFile);

/** Mounts a file system of 64 KiB; undefined where this user may not. */
async function mountSmall(folder: string): Promise<(() => Promise<unknown>) | undefined> {
  await mkdir(folder);
  try {
    await sudo("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
    return () => sudo("umount", [folder]);
  } catch {
    return undefined;
  }
}

describe("webhook on a full disk", () => {
  it("keeps events in memory until they are delivered, in order", async ({ skip }) => {
    const at = join(place.folder, "small");
    const unmount = await mountSmall(at);
    if (!unmount) return skip("mount needs root");
    try {
      hub.always = 503;
      const run = await place.run("r1", { webhook: hub.url, events: ["note"] }, { at });
      const texts = Array.from({ length: 200 }, (_, index) => `${index} ${"x".repeat(1000)}`);
      for (const text of texts) run.emit(note(text));
      const [warning] = run.reports;
      await hub.until(() => hub.requests.length > 0);
      hub.always = undefined;
      await hub.until(() => hub.accepted.length === texts.length);
      expect(await run.end()).toMatchObject({ delivered: 200, waiting: 0, lost: 0 });
      expect(messages()).toEqual(texts);
      expect(warning ?? run.reports[0]).toMatchObject({
        message: expect.stringContaining("no space left") as string,
      });
    } finally {
      await unmount();
    }
  });
});
