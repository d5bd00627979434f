/** A file server on loopback that can do what servers do wrong, and remembers what it was asked. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createReadStream, statSync } from "node:fs";

/** A file that the server has. Change it in place to publish another version. */
export interface ServedFile {
  /** The bytes, or the path of a file that holds them. */
  content: Buffer | string;
  etag?: string | undefined;
  lastModified?: string | undefined;
  /** False for a server that overlooks `Range`. */
  ranges?: boolean;
  /** False for a server that overlooks `If-Range`. */
  ifRange?: boolean;
  /** False for a server that overlooks `If-None-Match` and `If-Modified-Since`. */
  conditions?: boolean;
  /** False for a server that does not tell the size. */
  tellsLength?: boolean;
  /** Sent along with the content, as it is: `content-encoding`. */
  headers?: Readonly<Record<string, string>>;
}

/** What the server does to one request instead of answering it well. */
export type Mischief =
  | { readonly kind: "status"; readonly status: number; readonly headers?: Record<string, string> }
  /** Closes the connection after so many bytes of the body. */
  | { readonly kind: "cut"; readonly after: number }
  /** Sends so many bytes of the body, and then nothing. */
  | { readonly kind: "stall"; readonly after: number }
  /** Takes the request and says nothing at all. */
  | { readonly kind: "silent" };

/** One request, as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** What was answered; undefined for no answer. */
  status: number | undefined;
}

/** A server that runs. */
export interface FileServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly origin: string;
  readonly requests: readonly SeenRequest[];
  /** Serves a file, and gives its address. */
  serve(path: string, file: Buffer | ServedFile): string;
  /** Makes a path redirect. */
  redirect(path: string, to: string): string;
  /** What happens to the next requests of a path, one each. */
  misbehave(path: string, ...mischief: Mischief[]): void;
  /** Requests of a path so far. */
  requestsOf(path: string): SeenRequest[];
  close(): Promise<void>;
}

interface State {
  readonly files: Map<string, ServedFile>;
  readonly redirects: Map<string, string>;
  readonly mischief: Map<string, Mischief[]>;
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

/** The first byte to send: that of the range, when it is asked for and its condition holds. */
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
  mischief: Mischief | undefined,
): Promise<void> {
  const { content, start } = body;
  const limit = mischief && "after" in mischief ? mischief.after : Infinity;
  if (typeof content === "string" && limit === Infinity) {
    createReadStream(content, { start, highWaterMark: 1024 * 1024 }).pipe(response);
    return;
  }
  if (typeof content === "string") throw new Error("only buffers can be cut");
  const bytes = content.subarray(start, Math.min(content.length, start + limit));
  response.flushHeaders();
  if (bytes.length > 0)
    await new Promise<void>((resolve) => response.write(bytes, () => resolve()));
  if (mischief?.kind === "stall") return;
  // A reset would throw away what is still on its way; this ends the connection in order.
  if (mischief?.kind === "cut") response.socket?.end();
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
  const mischief = state.mischief.get(path)?.shift();
  if (mischief?.kind === "silent") return;
  if (mischief?.kind === "status") {
    finish(mischief.status, mischief.headers ?? {});
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
  if (file.tellsLength !== false) headers["content-length"] = size - (start ?? 0);
  if (start !== undefined) headers["content-range"] = `bytes ${start}-${size - 1}/${size}`;
  finish(start === undefined ? 200 : 206, headers);
  await sendBody(response, { content: file.content, start: start ?? 0 }, mischief);
}

/** Listens on a free port of 127.0.0.1; gives the port. */
export async function listenOnLoopback(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Starts a server without files. */
export async function startFileServer(): Promise<FileServer> {
  const state: State = {
    files: new Map(),
    redirects: new Map(),
    mischief: new Map(),
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
    misbehave(path, ...mischief) {
      state.mischief.set(path, mischief);
    },
    requestsOf: (path) => state.requests.filter(({ url }) => url.split("?")[0] === path),
    close,
    [Symbol.asyncDispose]: close,
  };
}
