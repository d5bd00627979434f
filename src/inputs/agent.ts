/**
 * Opens connections for downloads: through the proxies of the environment, trusting the host's
 * authorities.
 */
import type { Dispatcher } from "undici";
import { VmbuildError, messageOf, systemCode } from "../errors.js";
import { trustedContext } from "../host/authorities.js";
import { readFromClosingServers } from "../host/closing-servers.js";
import { describeProxy, proxyFor } from "../host/proxy.js";
import type { Proxy } from "../host/proxy.js";
import type { NetworkLimits } from "./context.js";
import { AddressFailure, asAddressFailure } from "./failure.js";

/**
 * Creates an agent, which the caller destroys. undici is imported on demand, because most runs
 * download nothing and would start a tenth of a second later.
 */
export async function createAgent(): Promise<Dispatcher> {
  const { Agent, Dispatcher: Base, ProxyAgent } = await import("undici");
  readFromClosingServers();

  /** Dispatcher that reads the environment at each request and keeps one agent per proxy. */
  class Router extends Base {
    readonly #agents = new Map<string, Dispatcher>();

    override dispatch(
      options: Dispatcher.DispatchOptions,
      handler: Dispatcher.DispatchHandler,
    ): boolean {
      const origin = new URL(String(options.origin));
      return this.#agentFor(origin, proxyFor(origin)).dispatch(options, handler);
    }

    #agentFor({ protocol }: URL, proxy: Proxy | undefined): Dispatcher {
      const key = `${protocol} ${proxy?.variable} ${proxy?.address}`;
      const known = this.#agents.get(key);
      if (known) return known;
      const tlsFor = (scheme: string) =>
        scheme === "https:" ? { secureContext: trustedContext() } : undefined;
      const tls = tlsFor(protocol);
      const proxyTls = proxy && tlsFor(new URL(proxy.address).protocol);
      const made = proxy
        ? new ProxyAgent({
            uri: proxy.address.replace(/^socks5h:/, "socks5:"),
            // Plain HTTP is not tunnelled, because proxies often allow CONNECT to port 443 only.
            proxyTunnel: false,
            ...(tls ? { requestTls: tls } : {}),
            // With these options, undici would use TLS to a SOCKS proxy.
            ...(proxyTls ? { proxyTls } : {}),
            ...credentialsOf(proxy),
          })
        : new Agent(tls ? { connect: tls } : {});
      this.#agents.set(key, made);
      return made;
    }

    override async close(): Promise<void> {
      await Promise.all([...this.#agents.values()].map((agent) => agent.close()));
    }

    override async destroy(): Promise<void> {
      await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
    }
  }

  return new Router();
}

function credentialsOf({ address, credentials }: Proxy) {
  if (!credentials) return {};
  const { user, password } = credentials;
  if (address.startsWith("socks5")) return { username: user, password };
  return { token: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
}

/**
 * Runs a function with an agent of its own, which is destroyed afterwards in any case. The agent
 * throws HOST_ENVIRONMENT for a request whose proxy has no valid address.
 */
export async function withAgent<T>(work: (agent: Dispatcher) => Promise<T>): Promise<T> {
  const agent = await createAgent();
  try {
    return await work(agent);
  } finally {
    await agent.destroy();
  }
}

/**
 * Error codes of a connection that was never established; behind a proxy, of the connection to the
 * proxy.
 */
const NOT_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|UND_ERR_SOCKS5\w*)$/;

const ASK_FOR_CREDENTIALS = "it requires a user name and a password";

function adviceFor({ variable }: Proxy, status?: number): string {
  if (status === 407) return `Add them to the variable: ${variable}=http://USER:PASSWORD@HOST:PORT`;
  return `Check ${variable}; list hosts that need no proxy in no_proxy.`;
}

/**
 * Returns the failure for a response status that was sent by the proxy itself; undefined where the
 * server sent it or where the two cannot be distinguished.
 */
export function proxyRefusal(status: number, url: URL): AddressFailure | undefined {
  const proxy = status === 407 ? proxyFor(url) : undefined;
  if (!proxy) return undefined;
  return new AddressFailure(`${describeProxy(proxy)} answered 407: ${ASK_FOR_CREDENTIALS}`, {
    retryable: false,
    hint: adviceFor(proxy, status),
  });
}

/**
 * Extracts the status with which a proxy refused the request; undici has it only in the message.
 */
function statusIn(error: unknown): number | undefined {
  const message = messageOf(error);
  const [, status] =
    /^Proxy response \((\d+)\)/.exec(message) ??
    /^Proxy Authentication Required \((407)\)/.exec(message) ??
    [];
  return status === undefined ? undefined : Number(status);
}

/**
 * Converts the error of a request to `url` to an {@link AddressFailure}, which names the proxy if
 * the proxy failed. Errors of this host, such as a proxy variable without a valid address, are
 * returned unchanged.
 */
export function requestFailure(error: unknown, url: URL, limits: NetworkLimits): Error {
  if (error instanceof VmbuildError || error instanceof AddressFailure) return error;
  const proxy = proxyFor(url);
  if (!proxy) return asAddressFailure(error, limits);
  const status = statusIn(error);
  if (status !== undefined) {
    const why = status === 407 ? `: ${ASK_FOR_CREDENTIALS}` : " and did not connect";
    return new AddressFailure(`${describeProxy(proxy)} answered ${status}${why}`, {
      retryable: status === 429 || status >= 500,
      hint: adviceFor(proxy, status),
      cause: error,
    });
  }
  const failure = asAddressFailure(error, limits);
  const isOfProxy = NOT_CONNECTED.test(systemCode(error) ?? "");
  const message = isOfProxy
    ? `${describeProxy(proxy)} cannot be used: ${failure.message}`
    : `${failure.message} (through ${describeProxy(proxy)})`;
  const { retryable, hint = isOfProxy ? adviceFor(proxy) : undefined } = failure;
  return new AddressFailure(message, { retryable, hint, cause: error });
}
