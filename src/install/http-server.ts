/**
 * Serves files to an installer over HTTP. The server listens on 127.0.0.1 under a random path, and
 * only while the installer runs: QEMU's user network leads the guest to it at 10.0.2.2.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type sendType from "send";

/** Address of the host in QEMU's user network (QEMU's documentation, net: user mode). */
const HOST_ADDRESS = "10.0.2.2";
const TOKEN_BYTES = 16;

/** One answered request. */
export interface HttpRequest {
  readonly method: string;
  /** Path below the random one, beginning with a slash; decoded where possible. */
  readonly path: string;
  readonly status: number;
  /** Size of the body; undefined where the guest did not take all of it. */
  readonly bytes: number | undefined;
}

/** What to serve. */
export interface GuestHttpOptions {
  /** Absolute paths of folders; the first that has a file serves it. */
  readonly folders: readonly string[];
  /** Returns the content of a file by its path without a leading slash; these come first. */
  readonly file: (path: string) => Buffer | undefined;
  readonly onRequest: (request: HttpRequest) => void;
}

/** Running server. */
export interface GuestHttp extends AsyncDisposable {
  /** Address for the guest, without a slash at its end. */
  readonly url: string;
  /** The same address for programs of this host. */
  readonly localUrl: string;
}

/** Decodes a path; undefined for one that is not valid. */
function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    // A malformed escape sequence names no file.
    return undefined;
  }
}

/** Request for a file of a folder. */
interface FileRequest {
  readonly send: typeof sendType;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
}

/** Sends a file of the first folder that has it, and 404 if none does. */
function sendFromFolders(asked: FileRequest, folders: readonly string[]): void {
  const { send, request, response, path } = asked;
  const [root, ...rest] = folders;
  if (root === undefined) {
    response.writeHead(404).end();
    return;
  }
  // Cache headers would only make an installer keep an old file.
  send(request, path, { root, dotfiles: "allow", index: false, cacheControl: false, etag: false })
    .on("error", () => sendFromFolders(asked, rest))
    .on("directory", () => sendFromFolders(asked, rest))
    .pipe(response);
}

function sendContent(request: IncomingMessage, response: ServerResponse, content: Buffer): void {
  response.setHeader("Content-Type", "application/octet-stream");
  response.setHeader("Content-Length", content.length);
  response.end(request.method === "HEAD" ? undefined : content);
}

/** Starts the server. Disposing of it ends all connections. */
export async function serveGuest(options: GuestHttpOptions): Promise<GuestHttp> {
  const { folders, file, onRequest } = options;
  // Loaded when it is needed: it asks for the current folder, which may no longer exist.
  const { default: send } = await import("send");
  const prefix = `/${randomBytes(TOKEN_BYTES).toString("hex")}`;
  const server = createServer((request, response) => {
    const { method = "GET", url = "/" } = request;
    const path = url.replace(/[?#].*$/s, "");
    // Another program of this host that does not know the path learns nothing.
    if (!path.startsWith(`${prefix}/`)) return void response.writeHead(404).end();
    const below = path.slice(prefix.length);
    response.once("close", () => {
      const { statusCode: status, writableFinished: isComplete } = response;
      const bytes = isComplete ? Number(response.getHeader("Content-Length") ?? 0) : undefined;
      onRequest({ method, path: decoded(below) ?? below, status, bytes });
    });
    if (method !== "GET" && method !== "HEAD") return void response.writeHead(405).end();
    const name = decoded(below.slice(1));
    const content = name === undefined ? undefined : file(name);
    if (content === undefined) {
      return sendFromFolders({ send, request, response, path: below }, folders);
    }
    return sendContent(request, response, content);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${HOST_ADDRESS}:${port}${prefix}`,
    localUrl: `http://127.0.0.1:${port}${prefix}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
