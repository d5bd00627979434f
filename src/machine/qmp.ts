/**
 * Implements QEMU's control protocol, QMP (docs/interop/qmp-spec.rst in QEMU's sources). vmbuild
 * listens and QEMU connects, so there is nothing to poll for.
 */
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { chmod, rm } from "node:fs/promises";
import { once } from "node:events";
import { VmbuildError, messageOf } from "../errors.js";
import { StringDecoder } from "node:string_decoder";

/** Asynchronous event from QEMU, such as `SHUTDOWN`. */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface PendingCommand {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface QmpMessage {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly data?: Record<string, unknown>;
  readonly QMP?: unknown;
}

/** QMP client: sends commands, receives answers and events. Created by {@link listenForQmp}. */
export class Qmp {
  readonly #socket: Socket;
  readonly #onEvent: (event: QmpEvent) => void;
  readonly #pending = new Map<number, PendingCommand>();
  #nextId = 1;
  #closed: VmbuildError | undefined;

  constructor(socket: Socket, onEvent: (event: QmpEvent) => void, onGreeting: () => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    const decoder = new StringDecoder("utf8");
    let rest = "";
    socket.on("data", (chunk) => {
      // An answer is one line of any length; LineSplitter would cut long lines.
      const lines = (rest + decoder.write(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") this.#handleLine(line, onGreeting);
    });
    // QEMU's exit resets the connection. The `close` event that follows ends all pending commands.
    socket.on("error", () => {});
    socket.on("close", () => this.#close());
  }

  /**
   * Sends a command and returns the `return` value of its answer.
   * @throws {VmbuildError} MACHINE_QMP when QEMU refuses it or has exited.
   */
  execute<T = unknown>(command: string, args: Record<string, unknown> = {}): Promise<T> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { command, resolve: (value) => resolve(value as T), reject });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  /** Closes the socket. QEMU itself keeps running. */
  close(): void {
    this.#socket.destroy();
    this.#close();
  }

  #handleLine(line: string, onGreeting: () => void): void {
    const message = JSON.parse(line) as QmpMessage;
    if (message.QMP !== undefined) onGreeting();
    if (message.event !== undefined) {
      this.#onEvent({ event: message.event, data: message.data ?? {} });
    }
    const waiting = message.id === undefined ? undefined : this.#pending.get(message.id);
    if (!waiting || message.id === undefined) return;
    this.#pending.delete(message.id);
    if (!message.error) return waiting.resolve(message.return);
    const { class: kind, desc } = message.error;
    waiting.reject(
      new VmbuildError("MACHINE_QMP", `QEMU refused ${waiting.command}: ${desc}`, {
        details: { command: waiting.command, class: kind },
      }),
    );
  }

  #close(): void {
    this.#closed ??= new VmbuildError("MACHINE_QMP", "QEMU's control socket is closed");
    for (const { reject } of this.#pending.values()) reject(this.#closed);
    this.#pending.clear();
  }
}

/** Socket that waits for QEMU to connect. */
export interface QmpListener extends AsyncDisposable {
  /** Resolves when QEMU has connected and completed the QMP handshake. */
  readonly connected: Promise<Qmp>;
}

/**
 * Listens on a unix socket for one QEMU.
 * @param path at most 107 bytes, the kernel's limit.
 * @param onEvent called for every event.
 */
export async function listenForQmp(
  path: string,
  onEvent: (event: QmpEvent) => void,
): Promise<QmpListener> {
  await rm(path, { force: true });
  const server: Server = createServer();
  const connected = new Promise<Qmp>((resolve, reject) => {
    server.once("connection", (socket) => {
      server.close();
      const qmp: Qmp = new Qmp(socket, onEvent, () => {
        qmp.execute("qmp_capabilities").then(() => resolve(qmp), reject);
      });
    });
  });
  try {
    server.listen(path);
    await once(server, "listening");
    await chmod(path, 0o600);
  } catch (error) {
    server.close();
    throw new VmbuildError("MACHINE_START", `Cannot listen on ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return {
    connected,
    async [Symbol.asyncDispose]() {
      server.close();
      await rm(path, { force: true });
    },
  };
}
