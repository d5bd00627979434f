/** Sends events to syslog servers: UDP, TCP, and sockets of the host. */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventually } from "../../support/e2e.js";
import { makeSinkFolder, note } from "../../support/sinks.js";

let place: Awaited<ReturnType<typeof makeSinkFolder>>;
const closing: (() => unknown)[] = [];
beforeEach(async () => {
  place = await makeSinkFolder();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await place[Symbol.asyncDispose]();
});

/** Starts a TCP server that collects what it receives. */
async function startTcp(port = 0) {
  const clients = new Set<Socket>();
  let text = "";
  const server: Server = createServer((socket) => {
    clients.add(socket);
    socket.setEncoding("utf8").on("data", (part: string) => (text += part));
    socket.on("error", () => {});
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const stop = async (): Promise<void> => {
    for (const client of clients) client.destroy();
    server.close();
    await once(server, "close");
  };
  return { port: (server.address() as AddressInfo).port, text: () => text, clients, stop };
}

/** Splits messages that begin with their lengths. */
function split(text: string): string[] {
  const messages: string[] = [];
  for (let rest = Buffer.from(text); rest.length > 0;) {
    const space = rest.indexOf(" ");
    const length = Number(rest.toString("utf8", 0, space));
    messages.push(rest.toString("utf8", space + 1, space + 1 + length));
    rest = rest.subarray(space + 1 + length);
  }
  return messages;
}

const HEADER = (priority: number): string => `<${priority}>1 `;

describe("syslog", () => {
  it("sends messages of RFC 5424 by UDP", async () => {
    const server = createSocket("udp4");
    const messages: string[] = [];
    server.on("message", (bytes) => messages.push(bytes.toString()));
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    closing.push(() => server.close());
    const { port } = server.address();
    const settings = { syslog: `udp://127.0.0.1:${port}`, facility: "local3", tag: "builds" };
    const run = await place.run("r1", settings);
    run.emit({ type: "step.failed", step: 'a]"b', index: 1, total: 2, durationMs: 1500 });
    run.emit(note("ünï\nx".repeat(2000)));
    expect(await run.end()).toMatchObject({ delivered: 2, lost: 0 });
    await eventually(() => Promise.resolve(messages.length === 2), 5);
    const [first = "", second = ""] = messages;
    expect(first.startsWith(HEADER(19 * 8 + 3))).toBe(true);
    expect(first).toMatch(/^<155>1 \d{4}-\d\d-\d\dT[\d:.]+Z /);
    expect(first).toContain(
      ` ${hostname()} builds ${process.pid} step.failed [vmbuild@32473 build="demo" run="r1" seq="1" step="a\\]\\"b"] demo: step [1/2] a]"b failed (1.5s)`,
    );
    expect(Buffer.byteLength(second)).toBeLessThanOrEqual(2048);
    expect(second).not.toContain("\ufffd");
    expect(second).not.toContain("\n");
  });

  it("sends what waits by TCP once the server is there, in order", async () => {
    const first = await startTcp();
    await first.stop();
    const run = await place.run("r1", { syslog: `tcp://127.0.0.1:${first.port}` });
    for (const text of ["one", "two"]) run.emit(note(text));
    await eventually(() => Promise.resolve(run.reports.length > 0), 5);
    const server = await startTcp(first.port);
    closing.push(server.stop);
    await eventually(() => Promise.resolve(server.clients.size > 0), 10);
    run.emit(note("three"));
    expect(await run.end()).toMatchObject({ lost: 0, waiting: 0 });
    await eventually(() => Promise.resolve(server.text().includes("three")), 5);
    const texts = split(server.text()).map((message) => message.replace(/^.*\] /s, ""));
    expect(texts.filter((text) => !text.includes("warning"))).toEqual([
      "demo: one",
      "demo: two",
      "demo: three",
    ]);
  });

  it("counts what is lost when nobody listens", async () => {
    const server = await startTcp();
    await server.stop();
    const run = await place.run("r1", { syslog: `tcp://127.0.0.1:${server.port}` });
    run.emit(note("one"));
    const end = await run.end();
    expect(end).toMatchObject({ delivered: 0 });
    expect(Number(end["lost"])).toBeGreaterThan(0);
    expect(end["reason"]).toContain("ECONNREFUSED");
  });

  it("reaches a datagram socket of the host", async () => {
    const path = join(place.folder, "log.sock");
    const script = `import socket,sys
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("ready",flush=True)
while True: print(s.recv(9000).decode(),flush=True)`;
    const python = spawn("python3", ["-c", script, path]);
    closing.push(() => python.kill());
    let text = "";
    python.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
    await eventually(() => Promise.resolve(text.startsWith("ready")), 10);
    const run = await place.run("r1", { syslog: `unix:${path}` });
    run.emit(note("one"));
    run.emit({ type: "warning", message: "two\nlines" });
    expect(await run.end()).toMatchObject({ delivered: 2, lost: 0 });
    await eventually(() => Promise.resolve(text.includes("two")), 5);
    const lines = text.trim().split("\n").slice(1);
    expect(lines[0]).toMatch(/^<14>1 \S+ \S+ vmbuild \d+ - - demo: one$/);
    expect(lines[1]).toMatch(/^<12>1 .* demo: warning: twolines$/);
  });

  it("warns of a socket that does not exist, and goes on", async () => {
    const run = await place.run("r1", { syslog: `unix:${join(place.folder, "none")}` });
    run.emit(note("one"));
    const end = await run.end();
    expect(end).toMatchObject({ delivered: 0, waiting: 0 });
    expect(end["reason"]).toContain("No such file");
  });
});
