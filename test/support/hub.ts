/** Runs a receiver of events on loopback: it can fail, stall, cut connections and be restarted. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Request that the hub has read completely. */
export interface HubRequest {
  readonly method: string;
  /** Path with its query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers a request: a status, or a function that may also do nothing or cut the connection. */
export type HubAnswer = number | ((response: ServerResponse, request: HubRequest) => void);

/** Running hub. Disposing of it ends it with all connections. */
export interface Hub extends AsyncDisposable {
  readonly url: string;
  /** All requests, also those that were not answered with success. */
  readonly requests: HubRequest[];
  /** Requests that were answered with success. */
  readonly accepted: HubRequest[];
  /** Answers for the next requests; 200 when there is none. */
  readonly answers: HubAnswer[];
  /** Answer to every request while set. */
  always: HubAnswer | undefined;
  /** Closes the server and all its connections. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  start(): Promise<void>;
  /** Resolves when the condition holds after a request. */
  until(condition: () => boolean): Promise<void>;
}

/** Starts a hub. */
export async function startHub(): Promise<Hub> {
  const requests: HubRequest[] = [];
  const accepted: HubRequest[] = [];
  const answers: HubAnswer[] = [];
  const waiting = new Set<() => void>();
  let port = 0;
  let server: Server | undefined;
  const answer = (response: ServerResponse, request: HubRequest): void => {
    requests.push(request);
    const chosen = answers.shift() ?? hub.always ?? 200;
    if (typeof chosen === "function") chosen(response, request);
    else {
      if (chosen < 300) accepted.push(request);
      response.writeHead(chosen).end("ok");
    }
    for (const look of waiting) look();
  };
  const hub: Hub = {
    requests,
    accepted,
    answers,
    always: undefined,
    get url() {
      return `http://127.0.0.1:${port}/events`;
    },
    async start() {
      server = createServer((incoming, response) => {
        let body = "";
        incoming.setEncoding("utf8").on("data", (part: string) => (body += part));
        incoming.on("end", () => {
          const { method = "", url = "", headers } = incoming;
          answer(response, { method, url, headers, body });
        });
      });
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      ({ port } = server.address() as AddressInfo);
    },
    async stop() {
      const closing = server;
      server = undefined;
      if (!closing) return;
      closing.close();
      closing.closeAllConnections();
      await once(closing, "close");
    },
    async until(condition) {
      if (condition()) return;
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (!condition()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
      });
    },
    [Symbol.asyncDispose]: () => hub.stop(),
  };
  await hub.start();
  return hub;
}
