/**
 * Stand-in for S3 on loopback, with what releases need of its API: objects with metadata, ranges,
 * conditions, copies, and multipart uploads with ListParts in pages of two. It checks that requests
 * are signed, and not the signature. Nothing of it is Amazon's code.
 */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { listenOnLoopback } from "./http-server.js";

interface StoredObject {
  readonly data: Buffer;
  readonly etag: string;
  readonly sha256: string | undefined;
  modified: Date;
}

interface Multipart {
  readonly key: string;
  readonly sha256: string | undefined;
  readonly parts: Map<number, Buffer>;
}

/** Fault in the answer to one request: a status, or a closed connection. */
export type S3Fault = { readonly status: number; readonly code: string } | "cut" | "alter";

/** Running server with the bucket `images`. */
export interface S3Server extends AsyncDisposable {
  readonly origin: string;
  /** `METHOD /path?query` of each request. */
  readonly requests: string[];
  readonly objects: Map<string, StoredObject>;
  readonly uploads: Map<string, Multipart>;
  /** Called after each change of objects, with their names. */
  onChange: (names: readonly string[]) => void;
  /** Injects faults into the next requests that match, one each. */
  inject(pattern: RegExp, ...faults: S3Fault[]): void;
}

const md5 = (data: Buffer): string => createHash("md5").update(data).digest("hex");
const xml = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

class Server {
  readonly requests: string[] = [];
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Multipart>();
  readonly faults: [RegExp, S3Fault][] = [];
  onChange: (names: readonly string[]) => void = () => {};
  origin = "";
  nextId = 1;

  put(
    key: string,
    data: Buffer,
    sha256: string | undefined,
    etag = `"${md5(data)}"`,
  ): StoredObject {
    const object = { data, etag, sha256, modified: new Date() };
    this.objects.set(key, object);
    this.onChange([...this.objects.keys()]);
    return object;
  }
}

interface Exchange {
  readonly server: Server;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly key: string;
  readonly body: Buffer;
  readonly fault: S3Fault | undefined;
}

function error(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`,
  );
}

function answerXml(response: ServerResponse, root: string, content: string): void {
  response.writeHead(200, { "content-type": "application/xml" });
  response.end(`<?xml version="1.0"?><${root}>${content}</${root}>`);
}

function list({ server, response, url }: Exchange): void {
  const prefix = url.searchParams.get("prefix") ?? "";
  if (url.searchParams.has("uploads")) {
    const uploads = [...server.uploads].filter(([, { key }]) => key.startsWith(prefix));
    const items = uploads.map(
      ([id, { key }]) =>
        `<Upload><Key>${xml(key)}</Key><UploadId>${id}</UploadId><Initiated>${new Date().toISOString()}</Initiated></Upload>`,
    );
    return answerXml(response, "ListMultipartUploadsResult", items.join(""));
  }
  const keys = [...server.objects.keys()].filter((key) => key.startsWith(prefix)).toSorted();
  const items = keys.map((key) => {
    const object = server.objects.get(key);
    const { etag = "", data, modified } = object ?? {};
    return `<Contents><Key>${xml(key)}</Key><LastModified>${modified?.toISOString()}</LastModified><ETag>${xml(etag)}</ETag><Size>${data?.length}</Size></Contents>`;
  });
  answerXml(response, "ListBucketResult", `<IsTruncated>false</IsTruncated>${items.join("")}`);
}

/** Returns whether the conditions of a request refuse it. */
function refuses({ request }: Exchange, object: StoredObject | undefined): boolean {
  const { "if-match": match, "if-none-match": none } = request.headers;
  if (none === "*" && object) return true;
  return match !== undefined && match !== object?.etag;
}

function put(exchange: Exchange): void {
  const { server, request, response, url, key, body } = exchange;
  const digest = request.headers["content-md5"];
  if (typeof digest === "string" && Buffer.from(digest, "base64").toString("hex") !== md5(body)) {
    return error(response, 400, "BadDigest");
  }
  const upload = server.uploads.get(url.searchParams.get("uploadId") ?? "");
  if (url.searchParams.has("uploadId")) {
    if (!upload) return error(response, 404, "NoSuchUpload");
    upload.parts.set(Number(url.searchParams.get("partNumber")), body);
    return void response.writeHead(200, { etag: `"${md5(body)}"` }).end();
  }
  if (refuses(exchange, server.objects.get(key))) return error(response, 412, "PreconditionFailed");
  const source = request.headers["x-amz-copy-source"];
  if (typeof source === "string") {
    const from = server.objects.get(decodeURIComponent(source).replace(/^\/?images\//, ""));
    if (!from) return error(response, 404, "NoSuchKey");
    const { etag } = server.put(key, from.data, from.sha256);
    return answerXml(response, "CopyObjectResult", `<ETag>${etag}</ETag>`);
  }
  const { etag } = server.put(key, body, metadataOf(request));
  response.writeHead(200, { etag }).end();
}

const metadataOf = ({ headers }: IncomingMessage): string | undefined =>
  headers["x-amz-meta-sha256"]?.toString();

function post({ server, request, response, url, key, body }: Exchange): void {
  if (url.searchParams.has("uploads")) {
    const id = `upload${server.nextId++}`;
    server.uploads.set(id, { key, sha256: metadataOf(request), parts: new Map() });
    return answerXml(response, "InitiateMultipartUploadResult", `<UploadId>${id}</UploadId>`);
  }
  const id = url.searchParams.get("uploadId") ?? "";
  const upload = server.uploads.get(id);
  if (!upload) return error(response, 404, "NoSuchUpload");
  const numbers = [...body.toString().matchAll(/<PartNumber>(\d+)</g)].map((match) =>
    Number(match[1]),
  );
  const parts = numbers.map((number) => upload.parts.get(number) ?? Buffer.alloc(0));
  const etag = `"${md5(Buffer.concat(parts))}-${parts.length}"`;
  server.uploads.delete(id);
  server.put(key, Buffer.concat(parts), upload.sha256, etag);
  answerXml(response, "CompleteMultipartUploadResult", `<ETag>${etag}</ETag>`);
}

function listParts({ server, response, url }: Exchange): void {
  const upload = server.uploads.get(url.searchParams.get("uploadId") ?? "");
  if (!upload) return error(response, 404, "NoSuchUpload");
  const marker = Number(url.searchParams.get("part-number-marker") ?? 0);
  const rest = [...upload.parts]
    .filter(([number]) => number > marker)
    .toSorted(([a], [b]) => a - b);
  const page = rest.slice(0, 2);
  const items = page.map(
    ([number, data]) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>"${md5(data)}"</ETag><Size>${data.length}</Size></Part>`,
  );
  const truncated = `<IsTruncated>${rest.length > 2}</IsTruncated><NextPartNumberMarker>${page.at(-1)?.[0] ?? 0}</NextPartNumberMarker>`;
  answerXml(response, "ListPartsResult", truncated + items.join(""));
}

function get(exchange: Exchange): void {
  const { server, request, response, url, key, fault } = exchange;
  if (url.searchParams.has("uploadId")) return listParts(exchange);
  const object = server.objects.get(key);
  if (!object) {
    if (request.method === "HEAD") return void response.writeHead(404).end();
    return error(response, 404, "NoSuchKey");
  }
  if (refuses(exchange, object)) return error(response, 412, "PreconditionFailed");
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const { data, etag, sha256, modified } = object;
  const content = Buffer.from(data.subarray(start));
  if (fault === "alter") content[0] = (content[0] ?? 0) ^ 1;
  response.writeHead(start > 0 ? 206 : 200, {
    ...{ etag, "content-length": content.length, "last-modified": modified.toUTCString() },
    ...(sha256 === undefined ? {} : { "x-amz-meta-sha256": sha256 }),
    ...(start > 0 ? { "content-range": `bytes ${start}-${data.length - 1}/${data.length}` } : {}),
  });
  if (request.method === "HEAD") return void response.end();
  if (fault !== "cut") return void response.end(content);
  response.write(content.subarray(0, Math.ceil(content.length / 2)), () => response.socket?.end());
}

async function answer(server: Server, request: IncomingMessage, response: ServerResponse) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const url = new URL(request.url ?? "/", "http://localhost");
  const { method = "" } = request;
  const line = `${method} ${url.pathname}${url.search}`;
  server.requests.push(line);
  const at = server.faults.findIndex(([pattern]) => pattern.test(line));
  const fault = at === -1 ? undefined : server.faults.splice(at, 1)[0]?.[1];
  if (typeof fault === "object") return error(response, fault.status, fault.code);
  if (fault === "cut" && method !== "GET") return void request.socket.destroy();
  const signed = request.headers.authorization?.startsWith("AWS4-HMAC-SHA256 Credential=writer/");
  if (signed !== true) return error(response, 403, "InvalidAccessKeyId");
  const [, bucket, key = ""] = /^\/([^/]+)\/?(.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
  if (bucket !== "images") return error(response, 404, "NoSuchBucket");
  const exchange = { server, request, response, url, key, body: Buffer.concat(chunks), fault };
  if (key === "") return list(exchange);
  if (method === "PUT") return put(exchange);
  if (method === "POST") return post(exchange);
  if (method === "DELETE") {
    if (url.searchParams.has("uploadId"))
      server.uploads.delete(url.searchParams.get("uploadId") ?? "");
    else server.objects.delete(key);
    server.onChange([...server.objects.keys()]);
    return void response.writeHead(204).end();
  }
  get(exchange);
}

/** Starts a server with the empty bucket `images` for the key `writer`. */
export async function startS3Server(): Promise<S3Server> {
  const server = new Server();
  const http = createServer((request, response) => {
    answer(server, request, response).catch((problem: unknown) =>
      response.destroy(problem as Error),
    );
  });
  server.origin = `http://127.0.0.1:${await listenOnLoopback(http)}`;
  return Object.assign(server, {
    inject(pattern: RegExp, ...faults: S3Fault[]) {
      for (const fault of faults) server.faults.push([pattern, fault]);
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeAllConnections();
      await closed;
    },
  });
}
