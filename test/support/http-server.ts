/** Runs a file server on loopback that can inject faults, and records its requests. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createReadStream, statSync } from "node:fs";

/** Served file. Modify it in place to publish another version. */
export interface ServedFile {
  /** Bytes, or the path of a file that contains them. */
  content: Buffer | string;
  etag?: string | undefined;
  lastModified?: string | undefined;
  /** False: the server ignores `Range`. */
  ranges?: boolean;
  /** False: the server ignores `If-Range`. */
  ifRange?: boolean;
  /** False: the server ignores `If-None-Match` and `If-Modified-Since`. */
  conditions?: boolean;
  /** False: the server does not send the size. */
  sendsLength?: boolean;
  /** Additional headers, such as `content-encoding`. */
  headers?: Readonly<Record<string, string>>;
}

/** Fault in the response to one request. */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly headers?: Record<string, string> }
  /** Closes the connection after this number of bytes of the body. */
  | { readonly kind: "cut"; readonly after: number }
  /** Sends this number of bytes of the body and then stalls. */
  | { readonly kind: "stall"; readonly after: number }
  /** Accepts the request and sends no response. */
  | { readonly kind: "silent" };

/** Recorded request. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** Status of the response; undefined where there was none. */
  status: number | undefined;
}

/** Running server. */
export interface FileServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a trailing slash. */
  readonly origin: string;
  readonly requests: readonly SeenRequest[];
  /** Serves a file and returns its address. */
  serve(path: string, file: Buffer | ServedFile): string;
  /** Redirects a path. */
  redirect(path: string, to: string): string;
  /** Injects faults into the next requests of a path, one each. */
  injectFaults(path: string, ...faults: Fault[]): void;
  /** Returns the requests of a path so far. */
  requestsOf(path: string): SeenRequest[];
  close(): Promise<void>;
}

interface State {
  readonly files: Map<string, ServedFile>;
  readonly redirects: Map<string, string>;
  readonly faults: Map<string, Fault[]>;
  readonly requests: SeenRequest[];
}

function sizeOf(content: Buffer | string): number {
  return typeof content === "string" ? statSync(content).size : content.length;
}

function isUnchanged(request: IncomingMessage, file: ServedFile): boolean {
  if (file.conditions === false) return false;
  const { "if-none-match": match, "if-modified-since": since } = request.headers;
  if (match !== undefined) return match === file.etag;
  return since !== undefined && since === file.lastModified;
}

/**
 * Returns the first byte to send: that of the range, if one is requested and its condition is met.
 */
function rangeStart(request: IncomingMessage, file: ServedFile): number | undefined {
  if (file.ranges === false) return undefined;
  const start = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
  const condition = request.headers["if-range"];
  const holds =
    file.ifRange === false ||
    condition === undefined ||
    condition === file.etag ||
    condition === file.lastModified;
  return start !== undefined && holds ? Number(start) : undefined;
}

async function sendBody(
  response: ServerResponse,
  body: { content: Buffer | string; start: number },
  fault: Fault | undefined,
): Promise<void> {
  const { content, start } = body;
  const limit = fault && "after" in fault ? fault.after : Infinity;
  if (typeof content === "string" && limit === Infinity) {
    createReadStream(content, { start, highWaterMark: 1024 * 1024 }).pipe(response);
    return;
  }
  if (typeof content === "string") throw new Error("only buffers can be cut");
  const bytes = content.subarray(start, Math.min(content.length, start + limit));
  response.flushHeaders();
  if (bytes.length > 0)
    await new Promise<void>((resolve) => response.write(bytes, () => resolve()));
  if (fault?.kind === "stall") return;
  // A reset would discard data that is still in transit; `end` closes the connection after it.
  if (fault?.kind === "cut") response.socket?.end();
  else response.end();
}

async function answer(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = new URL(request.url ?? "/", "http://localhost").pathname;
  const seen: SeenRequest = {
    method: request.method ?? "",
    url: request.url ?? "",
    headers: request.headers,
    status: undefined,
  };
  state.requests.push(seen);
  const finish = (status: number, headers: Record<string, string | number> = {}): void => {
    seen.status = status;
    response.writeHead(status, headers);
  };
  const fault = state.faults.get(path)?.shift();
  if (fault?.kind === "silent") return;
  if (fault?.kind === "status") {
    finish(fault.status, fault.headers ?? {});
    response.end("no");
    return;
  }
  const location = state.redirects.get(path);
  if (location !== undefined) {
    finish(302, { location });
    response.end();
    return;
  }
  const file = state.files.get(path);
  if (!file) {
    finish(404);
    response.end("not here");
    return;
  }
  const headers: Record<string, string | number> = { ...file.headers };
  if (file.etag !== undefined) headers["etag"] = file.etag;
  if (file.lastModified !== undefined) headers["last-modified"] = file.lastModified;
  if (isUnchanged(request, file)) {
    finish(304, headers);
    response.end();
    return;
  }
  const size = sizeOf(file.content);
  const start = rangeStart(request, file);
  if (start !== undefined && start >= size) {
    finish(416, { "content-range": `bytes */${size}` });
    response.end();
    return;
  }
  if (file.sendsLength !== false) headers["content-length"] = size - (start ?? 0);
  if (start !== undefined) headers["content-range"] = `bytes ${start}-${size - 1}/${size}`;
  finish(start === undefined ? 200 : 206, headers);
  await sendBody(response, { content: file.content, start: start ?? 0 }, fault);
}

/** Listens on a free port of 127.0.0.1 and returns the port. */
export async function listenOnLoopback(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Starts a server without files. */
export async function startFileServer(): Promise<FileServer> {
  const state: State = {
    files: new Map(),
    redirects: new Map(),
    faults: new Map(),
    requests: [],
  };
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    answer(state, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const origin = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    origin,
    requests: state.requests,
    serve(path, file) {
      state.files.set(path, Buffer.isBuffer(file) ? { content: file } : file);
      return origin + path;
    },
    redirect(path, to) {
      state.redirects.set(path, to);
      return origin + path;
    },
    injectFaults(path, ...faults) {
      state.faults.set(path, faults);
    },
    requestsOf: (path) => state.requests.filter(({ url }) => url.split("?")[0] === path),
    close,
    [Symbol.asyncDispose]: close,
  };
}
