/** Sends messages of syslog by TCP, with their lengths (RFC 6587, octet counting). */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { messageOf } from "../../errors.js";
import { backoffMs } from "../../inputs/clock.js";
import type { MessageCounts, Transport } from "./transport.js";

/** Number of messages that wait for a connection; further ones are lost. */
const MAX_WAITING = 5000;
/** Time in which a connection is made, and in which the last messages are sent. Milliseconds. */
const LIMIT_MS = 5000;

/** Connection to a server that is made again after a loss. */
export class TcpTransport implements Transport {
  readonly #address: { readonly host: string; readonly port: number };
  readonly #onProblem: (reason: string) => void;
  #waiting: Buffer[] = [];
  /** Number of the first messages that were passed to the socket. */
  #written = 0;
  #delivered = 0;
  #lost = 0;
  #socket: Socket | undefined;
  #isConnected = false;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #onSettled: (() => void) | undefined;

  constructor(
    { host, port }: { readonly host: string; readonly port: number },
    onProblem: (reason: string) => void,
  ) {
    this.#address = { host, port };
    this.#onProblem = onProblem;
    this.#connect();
  }

  send(message: Buffer): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#lost++;
      this.#onProblem("too many messages wait for a connection");
      return;
    }
    this.#waiting.push(Buffer.concat([Buffer.from(`${message.length} `), message]));
    this.#write();
  }

  #connect(): void {
    const socket = connect({ ...this.#address, timeout: LIMIT_MS });
    this.#socket = socket;
    socket.once("connect", () => {
      socket.setTimeout(0);
      this.#isConnected = true;
      this.#failures = 0;
      this.#write();
    });
    socket.on("timeout", () => socket.destroy(new Error("the connection timed out")));
    socket.on("error", (error) => this.#onProblem(messageOf(error)));
    // The server's data is discarded; without a reader its end would not be noticed.
    socket.resume();
    socket.once("close", () => this.#reconnect());
  }

  #reconnect(): void {
    this.#isConnected = false;
    // What the socket has not confirmed is sent again.
    this.#written = 0;
    this.#failures++;
    if (this.#onSettled) return this.#onSettled();
    const pause = backoffMs(this.#failures, Math.random());
    this.#retry = setTimeout(() => this.#connect(), pause).unref();
  }

  #write(): void {
    const socket = this.#socket;
    if (!socket) return;
    while (this.#isConnected && this.#written < this.#waiting.length) {
      const message = this.#waiting[this.#written++];
      if (message) socket.write(message, (error) => this.#confirm(socket, error));
    }
  }

  #confirm(socket: Socket, error: Error | null | undefined): void {
    if (error || socket !== this.#socket || !this.#isConnected) return;
    this.#waiting.shift();
    this.#written--;
    this.#delivered++;
    if (this.#waiting.length === 0) this.#onSettled?.();
  }

  async close(): Promise<MessageCounts> {
    clearTimeout(this.#retry);
    if (this.#waiting.length > 0) await this.#drain();
    this.#onSettled = () => {};
    const socket = this.#socket;
    // The end of the stream lets the kernel send what it still has.
    if (this.#isConnected) socket?.end();
    else socket?.destroy();
    return { delivered: this.#delivered, lost: this.#lost + this.#waiting.length };
  }

  /** Waits until everything is sent, the connection is lost, or the time is over. */
  async #drain(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LIMIT_MS);
      this.#onSettled = () => {
        clearTimeout(timer);
        resolve();
      };
      // A pause between two attempts ends here.
      if (this.#socket?.destroyed !== false) this.#connect();
    });
  }
}
