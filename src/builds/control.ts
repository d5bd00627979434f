/** Provides the control socket through which `vmbuild ssh` releases a paused run. */
import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { VmbuildError, messageOf } from "../errors.js";

/** A run's end of the socket. */
export interface Control extends AsyncDisposable {
  readonly path: string;
  /** Resolves at the next release. */
  released(): Promise<void>;
}

const RELEASE = "release";

/** Listens for releases. The path has at most 107 bytes, the kernel's limit. */
export async function openControl(path: string): Promise<Control> {
  await rm(path, { force: true });
  const waiting = new Set<() => void>();
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.once("close", () => clients.delete(socket));
    socket.setEncoding("utf8");
    // A client that disconnects early has released nothing.
    socket.on("error", () => {});
    socket.once("data", (text: string) => {
      if (text.trim() !== RELEASE) return socket.destroy();
      for (const resolve of waiting) resolve();
      waiting.clear();
      return socket.end("ok\n");
    });
  });
  const close = async (): Promise<void> => {
    server.close();
    // An idle client must not keep this process alive.
    for (const client of clients) client.destroy();
    await rm(path, { force: true });
  };
  try {
    server.listen(path);
    await once(server, "listening");
    await chmod(path, 0o600);
  } catch (cause) {
    server.close();
    const message = `The run cannot listen on ${path}: ${messageOf(cause)}`;
    throw new VmbuildError("HOST_FOLDER", message, { cause });
  }
  return {
    path,
    released: () => new Promise<void>((resolve) => waiting.add(resolve)),
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Releases the run at the other end.
 * @throws {VmbuildError} BUILD_UNKNOWN when no run listens there.
 */
export async function sendRelease(path: string): Promise<void> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    socket.end(`${RELEASE}\n`);
    await once(socket.resume(), "close");
  } catch (cause) {
    throw new VmbuildError(
      "BUILD_UNKNOWN",
      `The run no longer accepts commands: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  } finally {
    socket.destroy();
  }
}
