/** Runs an HTTPS server on loopback with its own certificate; a test provides the responses. */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createPlain } from "node:http";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Self-signed certificate for 127.0.0.1, `localhost` and one more name. */
export interface Certificate {
  readonly key: string;
  readonly pem: string;
  /** sha256 of its DER form, as openssl prints it: upper-case, with colons. */
  readonly fingerprint: string;
}

/** Creates a certificate with openssl. An elliptic-curve key takes milliseconds. */
export function makeCertificate(name = "copilot.example.org"): Certificate {
  const folder = mkdtempSync(join(tmpdir(), "vmbuild-tls-"));
  const at = (file: string): string => join(folder, file);
  try {
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
        ...["-keyout", at("key"), "-out", at("pem"), "-days", "2", "-subj", `/CN=${name}`],
        ...["-addext", `subjectAltName=DNS:${name},DNS:localhost,IP:127.0.0.1`],
      ],
      { stdio: "pipe" },
    );
    const pem = readFileSync(at("pem"), "utf8");
    const { fingerprint256 } = new X509Certificate(pem);
    return { key: readFileSync(at("key"), "utf8"), pem, fingerprint: fingerprint256 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Recorded request. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Listening server. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  /** `https://127.0.0.1:PORT`. */
  readonly address: string;
  readonly seen: Seen[];
}

/** Answers a request; called after its body was read. */
export type Answer = (seen: Seen, response: ServerResponse) => void | Promise<void>;

/** Starts a server; without a certificate it uses plain HTTP. */
export async function startServer(answer: Answer, certificate?: Certificate): Promise<TestServer> {
  const seen: Seen[] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const one: Seen = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString("utf8"),
      };
      seen.push(one);
      void answer(one, response);
    });
  };
  const server = certificate
    ? createServer({ key: certificate.key, cert: certificate.pem }, listener)
    : createPlain(listener);
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    address: `http${certificate ? "s" : ""}://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => {
        server.close(done);
      });
    },
  };
}

/** Answers like an OpenAI-compatible server behind basic and bearer authentication. */
export function copilotAnswer(user: string, password: string, model: string): Answer {
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  return async ({ url, headers, body }, response) => {
    const { authorization } = headers;
    const json = (status: number, value: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    if (url === "/readyz") return void response.writeHead(200).end();
    if (authorization !== basic && authorization !== `Bearer ${password}`) {
      return void response.writeHead(401, { "www-authenticate": "Basic" }).end("who are you?\n");
    }
    if (url === "/v1/models") return json(200, { object: "list", data: [{ id: model }] });
    if (url !== "/v1/chat/completions") return json(404, { error: "no such thing" });
    const requested = JSON.parse(body) as { stream?: boolean; model?: string };
    if (requested.model !== model) return json(404, { error: "no such model" });
    if (requested.stream !== true)
      return json(200, { choices: [{ message: { content: "Hello" } }] });
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const content of ["He", "llo", ""]) {
      const data = JSON.stringify({ choices: [{ delta: { content } }] });
      // Events are sent one at a time with a pause, to test that nothing buffers them.
      response.write(`data: ${data}\n`);
      await new Promise((done) => setTimeout(done, 30));
      response.write("\n");
    }
    response.end("data: [DONE]\n\n");
  };
}

/** Acceptance section for this server: the seven tests of SLM-Copilot. */
export const COPILOT_SECTION = {
  title: "SLM-Copilot Post-Deployment Test",
  endpoint: { insecure: true },
  credentials: { user: "copilot", passwordContext: "ONEAPP_COPILOT_PASSWORD" },
  checks: [
    { name: "HTTPS connectivity", http: "/", status: [401, 200, 301], within: "1m" },
    { name: "Health endpoint (/readyz)", http: "/readyz", timeout: "10s" },
    { name: "Auth rejection (no credentials)", http: "/v1/models", status: 401 },
    { name: "Auth acceptance (valid credentials)", http: "/v1/models", auth: "basic" },
    {
      name: "Model listing (devstral-small-2)",
      http: "/v1/models",
      auth: "bearer",
      expect: { json: { "data[*].id": "devstral-small-2" } },
    },
    {
      name: "Chat completion (non-streaming)",
      http: "/v1/chat/completions",
      auth: "basic",
      json: { model: "devstral-small-2", messages: [{ role: "user", content: "Say hello" }] },
      timeout: "2m",
      expect: { json: { "choices[0].message.content": { type: "string", notEmpty: true } } },
    },
    {
      name: "Chat completion (streaming SSE)",
      http: "/v1/chat/completions",
      auth: "bearer",
      json: {
        model: "devstral-small-2",
        messages: [{ role: "user", content: "Hi" }],
        stream: true,
      },
      timeout: "2m",
      expect: {
        events: {
          atLeast: 3,
          json: { "choices[0].delta.content": { type: "string", notEmpty: true } },
          last: "[DONE]",
          spread: "20ms",
        },
      },
    },
  ],
} as const;
