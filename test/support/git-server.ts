/** Serves git repositories over HTTPS on loopback with git's own CGI program. */
import { spawn } from "node:child_process";
import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Certificate } from "./https-server.js";
import { listenOnLoopback } from "./http-server.js";

/** Running server. */
export interface GitServer extends AsyncDisposable {
  /** `https://localhost:PORT`. */
  readonly origin: string;
}

/** Answers a request as a web server with CGI does (RFC 3875). */
function answer(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "https://localhost");
  const child = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      // The repositories may belong to another user.
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      REQUEST_METHOD: request.method ?? "GET",
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.once("close", () => {
    const all = Buffer.concat(chunks);
    const end = all.indexOf("\r\n\r\n");
    const headers = all.subarray(0, Math.max(0, end)).toString("latin1").split("\r\n");
    let status = 200;
    for (const header of headers) {
      const [name = "", value = ""] = header.split(/:\s*/, 2);
      if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
      else if (name !== "") response.setHeader(name, value);
    }
    response.writeHead(status).end(all.subarray(end + 4));
  });
}

/** Serves the bare repositories under `root`. */
export async function startGitServer(root: string, certificate: Certificate): Promise<GitServer> {
  const server = createServer({ key: certificate.key, cert: certificate.pem }, (req, res) =>
    answer(root, req, res),
  );
  const port = await listenOnLoopback(server);
  return {
    origin: `https://localhost:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => {
        server.close(done);
      });
    },
  };
}
