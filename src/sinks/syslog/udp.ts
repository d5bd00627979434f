/** Sends messages of syslog by UDP (RFC 5426). A lost datagram is noticed by nobody. */
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../errors.js";
import type { MessageCounts, Transport } from "./transport.js";

/** Number of messages that wait for the address of the server; further ones are lost. */
const MAX_WAITING = 5000;
/** Time in which the last messages are sent. Milliseconds. */
const LIMIT_MS = 5000;

/** Server of syslog. */
interface Server {
  readonly host: string;
  readonly port: number;
}

async function openSocket(
  { host, port }: Server,
  onProblem: (reason: string) => void,
): Promise<Socket> {
  const { address, family } = await lookup(host);
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  // The kernel reports a port without a listener with a later datagram.
  socket.on("error", (error) => onProblem(messageOf(error)));
  socket.connect(port, address);
  await once(socket, "connect");
  return socket;
}

/** Socket to a server, whose name is looked up while the run goes on. */
export class UdpTransport implements Transport {
  readonly #onProblem: (reason: string) => void;
  /** Undefined for a name without an address. */
  readonly #socket: Promise<Socket | undefined>;
  /** Messages that are being sent. */
  readonly #open = new Set<Promise<void>>();
  #delivered = 0;
  #lost = 0;

  constructor(server: Server, onProblem: (reason: string) => void) {
    this.#onProblem = onProblem;
    this.#socket = openSocket(server, onProblem).catch((error: unknown) => {
      onProblem(messageOf(error));
      return undefined;
    });
  }

  send(message: Buffer): void {
    if (this.#open.size >= MAX_WAITING) {
      this.#lost++;
      this.#onProblem("too many messages wait for the address of the server");
      return;
    }
    const sent = this.#send(message).finally(() => this.#open.delete(sent));
    this.#open.add(sent);
  }

  async #send(message: Buffer): Promise<void> {
    const socket = await this.#socket;
    const problem = await new Promise<Error | null | undefined>((resolve) => {
      if (socket) socket.send(message, resolve);
      else resolve(new Error("the server has no address"));
    });
    if (problem) {
      this.#lost++;
      this.#onProblem(messageOf(problem));
    } else this.#delivered++;
  }

  async close(): Promise<MessageCounts> {
    const late = new AbortController();
    const limit = sleep(LIMIT_MS, undefined, { signal: late.signal }).catch(() => {}); // It ended.
    await Promise.race([Promise.all(this.#open), limit]);
    late.abort();
    const waiting = this.#open.size;
    void this.#socket.then((socket) => socket?.close());
    return { delivered: this.#delivered, lost: this.#lost + waiting };
  }
}
