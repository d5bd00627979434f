/** Opens streams to the SSH server of a machine, directly or through its proxy. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AttemptFailure } from "../../guest/connection.js";
import type { SshSettings } from "./config.js";
import { openProxy, proxyProgram } from "./proxy.js";
import type { ProxyStream } from "./proxy.js";

/** Time limit of a TCP connection unless ssh_config sets ConnectTimeout. Milliseconds. */
const CONNECT_MS = 30_000;

function openSocket(settings: SshSettings, signal: AbortSignal): Promise<Socket> {
  const { hostname: host, port, family, bindAddress, connectTimeoutMs = CONNECT_MS } = settings;
  return new Promise((resolve, reject) => {
    const local = bindAddress === undefined ? {} : { localAddress: bindAddress };
    const socket = connect({ host, port, family, ...local });
    socket.setNoDelay(true);
    const fail = (error: unknown, reason: string): void => {
      settle();
      socket.destroy();
      reject(
        signal.aborted ? (signal.reason as Error) : new AttemptFailure("listener", reason, error),
      );
    };
    const timer = setTimeout(
      () => fail(undefined, `no connection to ${host} within ${connectTimeoutMs / 1000} seconds`),
      connectTimeoutMs,
    );
    const onAbort = (): void => fail(undefined, "");
    const onError = (error: Error): void => fail(error, error.message || "connection refused");
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      // A late error of a socket that is no longer wanted must not end the process.
      socket.on("error", () => {});
    };
    socket.once("error", onError);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("connect", () => {
      settle();
      resolve(socket);
    });
  });
}

/** Way to one machine. */
export class Transport {
  readonly #settings: SshSettings;
  readonly #acceptNew: boolean;
  #last: ProxyStream | undefined;

  /** @param acceptNew jump hosts whose keys are not known are accepted too. */
  constructor(settings: SshSettings, acceptNew: boolean) {
    this.#settings = settings;
    this.#acceptNew = acceptNew;
  }

  /**
   * Opens a stream to the machine's SSH server.
   * @throws {AttemptFailure} when it cannot be opened; the signal's reason when it aborted.
   */
  async open(signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    const { proxy } = this.#settings;
    this.#last = undefined;
    if (!proxy) return openSocket(this.#settings, signal);
    this.#last = await openProxy(proxyProgram(proxy, this.#settings, this.#acceptNew));
    return this.#last.stream;
  }

  /** Returns what the program of the last stream wrote to standard error; nothing without one. */
  async lastWords(): Promise<readonly string[]> {
    return (await this.#last?.lastWords()) ?? [];
  }
}
