import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { EventBody } from "../../../src/events/types.js";
import { AttemptFailure, connectOnce } from "../../../src/guest/connection.js";
import { buildTarget } from "../../../src/guest/build-target.js";
import { makeBuildKeys } from "../../../src/seed/keys.js";
import { waitUntilReady } from "../../../src/guest/readiness.js";
import { findFreePort } from "../../../src/machine/ports.js";
import { VmbuildError } from "../../../src/errors.js";
import { errorOf } from "../../support/inputs.js";
import { startSshd } from "../../support/sshd.js";

const keys = makeBuildKeys();
const { signal } = new AbortController();
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** Starts a listener that does something other than SSH with each connection. */
async function listen(greet: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    greet(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return (server.address() as AddressInfo).port;
}

async function failureOf(port: number, bannerMs = 300): Promise<AttemptFailure> {
  const attempt = connectOnce(buildTarget(port, "root", keys), bannerMs, signal);
  const error: unknown = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AttemptFailure);
  return error as AttemptFailure;
}

describe("connectOnce", () => {
  it("detects that nothing listens", async () => {
    expect(await failureOf(await findFreePort())).toMatchObject({ stage: "listener" });
  });

  it("does not mistake QEMU's acceptance for a listener in the guest", async () => {
    expect(await failureOf(await listen((socket) => socket.end()))).toMatchObject({
      stage: "listener",
    });
  });

  it("gives up on a silent guest", async () => {
    expect(await failureOf(await listen(() => {}))).toMatchObject({
      stage: "banner",
      message: "the guest did not answer",
    });
  });

  it("detects an answer that is not SSH", async () => {
    const port = await listen((socket) => socket.end("220 mail.example ESMTP\r\n".repeat(9)));
    expect(await failureOf(port)).toMatchObject({ stage: "handshake" });
  });

  it("detects a server that closes the connection after its banner", async () => {
    const port = await listen((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
    expect(await failureOf(port)).toMatchObject({ stage: "handshake" });
  });

  it("refuses another host key permanently", async () => {
    await using sshd = await startSshd({ otherHostKey: true });
    const error = await errorOf(sshd.connect());
    expect(error).toMatchObject({ code: "GUEST_HOST_KEY", exitCode: 6 });
    expect(error.lines).toHaveLength(2);
  });

  it("distinguishes a refused key from other errors", async () => {
    await using sshd = await startSshd({ otherClientKey: true });
    await expect(sshd.connect()).rejects.toMatchObject({ stage: "authentication" });
  });

  it("ends at once when it is cancelled", async () => {
    const cancel = new AbortController();
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const port = await listen(() => cancel.abort(reason));
    const attempt = connectOnce(buildTarget(port, "root", keys), 60_000, cancel.signal);
    await expect(attempt).rejects.toBe(reason);
  });

  it("connects, and detects a lost connection", async () => {
    await using sshd = await startSshd();
    const connection = await sshd.connect();
    expect(connection.lost.aborted).toBe(false);
    const lost = once(connection.lost, "abort");
    for (const pid of await sshd.sessions()) process.kill(pid, "SIGKILL");
    await lost;
    expect(connection.lost.reason).toMatchObject({ code: "GUEST_LOST" });
  });

  it("does not report a connection that it closes itself as lost", async () => {
    await using sshd = await startSshd();
    const connection = await sshd.connect();
    const closed = once(connection.client, "close");
    connection.close();
    await closed;
    expect(connection.lost.aborted).toBe(false);
  });
});

describe("waitUntilReady", () => {
  const events: EventBody[] = [];
  const wait = (port: number, options: { timeoutMs?: number; console?: string[] } = {}) =>
    waitUntilReady({
      target: buildTarget(port, "root", keys),
      timeoutMs: options.timeoutMs ?? 700,
      emit: (event) => events.push(event),
      signal,
      readConsole: () => Promise.resolve(options.console ?? ["[    1.0] Booting"]),
    });

  it.each([
    ["listener", (socket: Socket) => socket.end()],
    ["handshake", (socket: Socket) => socket.end("SSH-2.0-Silent\r\n")],
  ] as const)("says that it got as far as the %s", async (stage, greet) => {
    const error = await errorOf(wait(await listen((socket) => void greet(socket))));
    expect(error).toMatchObject({ code: "GUEST_TIMEOUT", details: { stage } });
    expect(error.lines[0]).toMatch(new RegExp(`^stage reached: ${stage}, after [1-9]`));
    expect(error.lines).toContain("  [    1.0] Booting");
    expect(error.message).toContain("700ms (ssh.timeout)");
  });

  it("reports that the guest never answered", async () => {
    const error = await errorOf(wait(await listen(() => {}), { timeoutMs: 2500 }));
    expect(error).toMatchObject({ code: "GUEST_TIMEOUT", details: { stage: "banner" } });
    expect(error.message).toContain("does not answer on the network");
  });

  it("gives up at once on a fatal message on the console", async () => {
    const console = ["Boot failed", "No bootable device."];
    const error = await errorOf(wait(await findFreePort(), { timeoutMs: 60_000, console }));
    expect(error).toMatchObject({ code: "GUEST_BOOT", lines: console });
  });

  it("waits for a server that comes later, with one attempt at a time", async () => {
    let attempts = 0;
    let open = 0;
    let most = 0;
    await using sshd = await startSshd();
    // Behaves like QEMU's port: it accepts connections, and forwards them from the third one on.
    const port = await listen((socket) => {
      most = Math.max(most, ++open);
      socket.on("close", () => open--);
      if (++attempts < 3) return void socket.resume().end();
      const inner = connect(sshd.target.port, "127.0.0.1");
      inner.on("error", () => socket.destroy());
      socket.pipe(inner).pipe(socket);
    });
    const connection = await waitUntilReady({
      target: { ...sshd.target, port },
      timeoutMs: 60_000,
      emit: (event) => events.push(event),
      signal,
      readConsole: () => Promise.resolve([]),
    });
    connection.close();
    expect(most).toBe(1);
    expect(events.at(-1)).toMatchObject({ type: "guest.ready", attempts: 3 });
  });

  it("ends with the reason when it is cancelled", async () => {
    const cancel = new AbortController();
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const waiting = waitUntilReady({
      target: buildTarget(await findFreePort(), "root", keys),
      timeoutMs: 60_000,
      emit: () => cancel.abort(reason),
      signal: cancel.signal,
      readConsole: () => Promise.resolve([]),
    });
    await expect(waiting).rejects.toBe(reason);
  });
});
