/** Runs an HTTP proxy on loopback: plain requests and CONNECT, optionally with a password. */
import { createServer, request as httpRequest } from "node:http";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Certificate } from "./https-server.js";
import { listenOnLoopback } from "./http-server.js";

/** Running proxy. All names resolve to 127.0.0.1. */
export interface ProxyServer extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** `GET http://…` and `CONNECT host:port`, in order. */
  readonly seen: readonly string[];
}

/** Options of a proxy. */
export interface ProxyBehaviour {
  /** `USER:PASSWORD`. Requests without it get status 407. */
  readonly credentials?: string;
  /** Status for every CONNECT. */
  readonly refuse?: number;
  /** Certificate, for a proxy that uses TLS itself. */
  readonly certificate?: Certificate;
}

/** Starts a proxy. */
export async function startProxy(behaviour: ProxyBehaviour = {}): Promise<ProxyServer> {
  const { credentials, refuse, certificate } = behaviour;
  const seen: string[] = [];
  const sockets = new Set<Duplex>();
  const keep = (socket: Duplex): void => {
    sockets.add(socket);
    // A test that ends closes connections.
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  const wanted =
    credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`;
  const isAllowed = ({ headers }: IncomingMessage): boolean =>
    wanted === undefined || headers["proxy-authorization"] === wanted;

  const onRequest: RequestListener = (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    if (!isAllowed(request)) return void response.writeHead(407).end("who are you?");
    const target = new URL(request.url ?? "");
    const to = httpRequest(
      { host: "127.0.0.1", port: target.port, path: target.pathname, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    request.pipe(to);
  };
  const server = certificate
    ? createSecureServer({ key: certificate.key, cert: certificate.pem }, onRequest)
    : createServer(onRequest);
  server.on("connect", (request: IncomingMessage, client: Duplex, head: Buffer) => {
    seen.push(`CONNECT ${request.url}`);
    const status = isAllowed(request) ? refuse : 407;
    if (status !== undefined) return void client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const port = Number(/:(\d+)$/.exec(request.url ?? "")?.[1]);
    const target = connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connected\r\n\r\n");
      target.write(head);
      client.pipe(target).pipe(client);
    });
    keep(target);
  });
  server.on("connection", (socket: Socket) => keep(socket));
  const port = await listenOnLoopback(server);
  return {
    host: `127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
