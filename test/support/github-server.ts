/**
 * Stand-in for GitHub's API of releases and their assets, on loopback. It keeps the documented
 * contract (docs.github.com, "REST API endpoints for releases" and "for release assets"): names are
 * unique, an upload that is cut stays as an asset in the state `starter`, renaming to a taken name is
 * refused, contents are served by redirects. Nothing of it is GitHub's code. GitHub's own client `gh`
 * works with it: it needs the unix socket, and the two queries of GraphQL.
 */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { open, mkdtemp, rm } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSparse } from "../../src/release/sparse.js";
import { listenOnLoopback } from "./http-server.js";

/** Asset as the server stores it. */
export interface ServerAsset {
  readonly id: number;
  name: string;
  label: string | null;
  state: "starter" | "uploaded";
  size: number;
  digest: string | null;
  created_at: string;
}

/** Fault in the answer to one request. */
export type GithubFault =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly message?: string;
    }
  /** Reads this many bytes of an upload and closes the connection. */
  | { readonly kind: "cut-upload"; readonly after: number }
  /** Reads this many bytes of an upload, and then nothing. `reached` is called then. */
  | { readonly kind: "hold-upload"; readonly after: number; readonly reached: () => void }
  /** Stores another byte in place of the first one. */
  | { readonly kind: "alter-upload" }
  /** Sends this many bytes of a content and closes the connection. */
  | { readonly kind: "cut-content"; readonly after: number }
  /** Sends another byte in place of the first one. */
  | { readonly kind: "alter-content" }
  /** Sends a complete response with this many bytes only. */
  | { readonly kind: "short-content"; readonly length: number }
  /** Does what is asked, and closes the connection in place of an answer. */
  | { readonly kind: "lose-answer" };

/** Recorded request. */
export interface GithubRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

interface ServerRelease {
  readonly id: number;
  readonly tag_name: string;
  readonly prerelease: boolean;
  readonly created_at: string;
  readonly assets: ServerAsset[];
}

/** Running server with the repository `owner/images`. */
export interface GithubServer extends AsyncDisposable {
  readonly origin: string;
  /** Path of a unix socket of the same server, for clients that expect GitHub's host names. */
  readonly socket: string;
  readonly requests: GithubRequest[];
  readonly releases: ServerRelease[];
  /** Rights by token. Without an entry, a token is refused. */
  readonly tokens: Map<string, "write" | "read">;
  /** Whether the repository can be read without a token. */
  isPrivate: boolean;
  /** Whether assets have a digest, as since 2025. */
  hasDigests: boolean;
  /** Called after each change of assets, with all assets of the release. */
  onChange: (assets: readonly ServerAsset[]) => void;
  /** Injects faults into the next requests whose `METHOD /path` matches, one each. */
  inject(pattern: RegExp, ...faults: GithubFault[]): void;
  /** Assets of the release `latest`. */
  assets(): readonly ServerAsset[];
  /** Names of complete assets, sorted. */
  names(): string[];
  /** Adds an asset with this content, as another tool would. */
  add(name: string, content: Buffer | string, changes?: Partial<ServerAsset>): Promise<ServerAsset>;
  /** Reads the content of an asset. */
  read(name: string): Promise<Buffer>;
}

const REPO = "/repos/owner/images";

class Server {
  readonly requests: GithubRequest[] = [];
  readonly releases: ServerRelease[] = [];
  readonly tokens = new Map<string, "write" | "read">([
    ["writer", "write"],
    ["reader", "read"],
  ]);
  readonly faults: [RegExp, GithubFault][] = [];
  isPrivate = false;
  hasDigests = true;
  onChange: (assets: readonly ServerAsset[]) => void = () => {};
  origin = "";
  #nextId = 1;
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  content(id: number): string {
    return join(this.folder, String(id));
  }

  newRelease(tag: string, prerelease: boolean): ServerRelease {
    const created_at = new Date().toISOString();
    const release = { id: this.#nextId++, tag_name: tag, prerelease, created_at, assets: [] };
    this.releases.push(release);
    return release;
  }

  newAsset(release: ServerRelease, name: string, label: string | null): ServerAsset {
    const asset: ServerAsset = {
      ...{ id: this.#nextId++, name, label, state: "starter", size: 0, digest: null },
      created_at: new Date().toISOString(),
    };
    release.assets.push(asset);
    return asset;
  }

  faultFor(request: string): GithubFault | undefined {
    const at = this.faults.findIndex(([pattern]) => pattern.test(request));
    return at === -1 ? undefined : this.faults.splice(at, 1)[0]?.[1];
  }

  /** Describes an asset to a client that reaches the server at `origin`. */
  describe(release: ServerRelease, asset: ServerAsset, origin: string): unknown {
    const { tag_name: tag } = release;
    const { digest, ...rest } = asset;
    return {
      ...rest,
      ...{ content_type: "application/octet-stream", download_count: 0 },
      ...(this.hasDigests ? { digest } : {}),
      updated_at: asset.created_at,
      url: `${origin}${REPO}/releases/assets/${asset.id}`,
      browser_download_url: `${origin}/owner/images/releases/download/${tag}/${asset.name}`,
    };
  }

  /** Describes a release to a client that reaches the server at `origin`. */
  describeRelease(release: ServerRelease, origin: string): unknown {
    const { id, tag_name, prerelease, created_at, assets } = release;
    return {
      ...{ id, tag_name, prerelease, created_at, published_at: created_at, draft: false },
      ...{ name: tag_name, body: "", target_commitish: "main", author: { login: "owner" } },
      url: `${origin}${REPO}/releases/${id}`,
      html_url: `${origin}/owner/images/releases/tag/${tag_name}`,
      upload_url: `${origin}/uploads${REPO}/releases/${id}/assets{?name,label}`,
      // As GitHub does: those of state `starter` too.
      assets: assets.map((asset) => this.describe(release, asset, origin)),
    };
  }
}

function json(response: ServerResponse, status: number, data?: unknown, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
  response.end(data === undefined ? undefined : JSON.stringify(data));
}

const taken = (field: string, resource: string) => ({
  message: "Validation Failed",
  errors: [{ resource, code: "already_exists", field }],
});

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>;
}

interface Exchange {
  readonly server: Server;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** Address at which the client reaches the server. */
  readonly origin: string;
  readonly fault: GithubFault | undefined;
}

/** Stores a body; returns false when the connection was cut. */
async function store(path: string, { request, fault }: Exchange, asset: ServerAsset) {
  const hash = createHash("sha256");
  const file = await open(path, "w+");
  let done = 0;
  try {
    for await (const chunk of request) {
      const data = Buffer.from(chunk as Buffer);
      if (fault?.kind === "alter-upload" && done === 0) data[0] = (data[0] ?? 0) ^ 1;
      await writeSparse(file, data, done);
      hash.update(data);
      done += data.length;
      if (fault?.kind === "cut-upload" && done >= fault.after) {
        request.socket.destroy();
        return false;
      }
      if (fault?.kind === "hold-upload" && done >= fault.after) {
        fault.reached();
        await new Promise((resolve) => request.socket.once("close", resolve));
        return false;
      }
    }
  } catch {
    // The client has closed the connection.
    return false;
  } finally {
    await file.truncate(done);
    await file.close();
  }
  asset.size = done;
  asset.digest = `sha256:${hash.digest("hex")}`;
  return true;
}

async function upload(exchange: Exchange): Promise<void> {
  const { server, request, response, url, origin, fault } = exchange;
  const id = Number(/releases\/(\d+)\/assets$/.exec(url.pathname)?.[1]);
  const release = server.releases.find((one) => one.id === id);
  const name = url.searchParams.get("name") ?? "";
  const length = Number(request.headers["content-length"] ?? NaN);
  if (!release) return json(response, 404, { message: "Not Found" });
  if (!(length > 0)) return json(response, 400, { message: "Bad Content-Length" });
  if (length > 2_147_483_647)
    return json(response, 422, { message: "size must be less than 2147483648" });
  if (release.assets.some((asset) => asset.name === name)) {
    request.resume();
    return json(response, 422, taken("name", "ReleaseAsset"));
  }
  const asset = server.newAsset(release, name, url.searchParams.get("label"));
  server.onChange(release.assets);
  if (!(await store(server.content(asset.id), exchange, asset))) return;
  if (asset.size !== length) return;
  asset.state = "uploaded";
  server.onChange(release.assets);
  if (fault?.kind === "lose-answer") request.socket.destroy();
  else json(response, 201, server.describe(release, asset, origin));
}

async function content({ server, request, response, url, fault }: Exchange): Promise<void> {
  const id = Number(url.pathname.split("/").at(-1));
  const asset = server.releases.flatMap(({ assets }) => assets).find((one) => one.id === id);
  if (!asset || asset.state !== "uploaded") return json(response, 404, { message: "Not Found" });
  const etag = `"0x${id}"`;
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
  const condition = request.headers["if-range"];
  const start =
    range !== undefined && (condition === undefined || condition === etag) ? Number(range) : 0;
  const length = fault?.kind === "short-content" ? fault.length : asset.size - start;
  response.writeHead(start > 0 ? 206 : 200, {
    ...{ etag, "content-length": length, "content-type": "application/octet-stream" },
    ...(start > 0 ? { "content-range": `bytes ${start}-${asset.size - 1}/${asset.size}` } : {}),
  });
  if (length === 0) return void response.end();
  let left = fault?.kind === "cut-content" ? fault.after : length;
  let isFirst = true;
  for await (const chunk of createReadStream(server.content(id), {
    start,
    highWaterMark: 65_536,
  })) {
    const data = Buffer.from(chunk as Buffer).subarray(0, left);
    if (fault?.kind === "alter-content" && isFirst) data[0] = (data[0] ?? 0) ^ 1;
    isFirst = false;
    left -= data.length;
    if (!response.write(data)) {
      await new Promise<void>((resolve) => {
        response.once("drain", resolve);
        response.once("close", resolve);
      });
    }
    if (left === 0 || response.destroyed) break;
  }
  if (fault?.kind === "cut-content") response.socket?.end();
  else response.end();
}

async function changeAsset(exchange: Exchange, release: ServerRelease, asset: ServerAsset) {
  const { server, request, response, origin } = exchange;
  if (request.method === "DELETE") {
    release.assets.splice(release.assets.indexOf(asset), 1);
    server.onChange(release.assets);
    response.writeHead(204).end();
    return;
  }
  const { name = asset.name, label = asset.label } = await readJson(request);
  if (release.assets.some((other) => other !== asset && other.name === name)) {
    return json(response, 422, taken("name", "ReleaseAsset"));
  }
  Object.assign(asset, { name, label });
  server.onChange(release.assets);
  json(response, 200, server.describe(release, asset, origin));
}

async function releases(exchange: Exchange): Promise<void> {
  const { server, request, response, url, origin } = exchange;
  const path = url.pathname.slice(REPO.length);
  if (path === "") return json(response, 200, { full_name: "owner/images" });
  if (path === "/releases" && request.method === "POST") {
    const { tag_name: tag, prerelease } = await readJson(request);
    if (server.releases.some((one) => one.tag_name === tag)) {
      return json(response, 422, taken("tag_name", "Release"));
    }
    return json(
      response,
      201,
      server.describeRelease(server.newRelease(String(tag), prerelease === true), origin),
    );
  }
  const tag = /^\/releases\/tags\/(.+)$/.exec(path)?.[1];
  if (tag !== undefined) {
    const found = server.releases.find((one) => one.tag_name === decodeURIComponent(tag));
    return found
      ? json(response, 200, server.describeRelease(found, origin))
      : json(response, 404, { message: "Not Found" });
  }
  const list = /^\/releases\/(\d+)\/assets$/.exec(path)?.[1];
  if (list !== undefined) {
    const found = server.releases.find((one) => one.id === Number(list));
    if (!found) return json(response, 404, { message: "Not Found" });
    const size = Number(url.searchParams.get("per_page") ?? 30);
    const start = (Number(url.searchParams.get("page") ?? 1) - 1) * size;
    const page = found.assets.slice(start, start + size);
    return json(
      response,
      200,
      page.map((asset) => server.describe(found, asset, origin)),
    );
  }
  const id = Number(/^\/releases\/assets\/(\d+)$/.exec(path)?.[1]);
  const release = server.releases.find(({ assets }) => assets.some((asset) => asset.id === id));
  const asset = release?.assets.find((one) => one.id === id);
  if (!release || !asset) return json(response, 404, { message: "Not Found" });
  if (request.method !== "GET") return changeAsset(exchange, release, asset);
  if (request.headers.accept !== "application/octet-stream") {
    return json(response, 200, server.describe(release, asset, origin));
  }
  response.writeHead(302, { location: `${origin}/storage/${id}` }).end();
}

/**
 * Answers the two queries that `gh` makes with GraphQL: whether a tag is a draft's, of which there
 * are none, and the list of releases.
 */
async function graphql({ server, request, response }: Exchange): Promise<void> {
  const { query } = await readJson(request);
  if (/\brelease\(tagName:/.test(String(query))) {
    return json(response, 200, { data: { repository: { release: null } } });
  }
  const latest = server.releases.findLast(({ prerelease }) => !prerelease);
  const nodes = server.releases.map((release) => ({
    ...{ name: release.tag_name, tagName: release.tag_name, isDraft: false },
    ...{ isLatest: release === latest, isPrerelease: release.prerelease },
    ...{ createdAt: release.created_at, publishedAt: release.created_at },
  }));
  const pageInfo = { hasNextPage: false, endCursor: null };
  json(response, 200, { data: { repository: { releases: { nodes, pageInfo } } } });
}

/** Refuses requests as GitHub does; returns whether it did. */
function refuse({ server, request, response }: Exchange): boolean {
  const token = /^(?:token|bearer) (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const right = token === undefined ? undefined : server.tokens.get(token);
  const isReading = request.method === "GET" || request.url === "/graphql";
  if (token !== undefined && right === undefined) {
    json(response, 401, { message: "Bad credentials" });
  } else if (server.isPrivate && right === undefined) {
    json(response, 404, { message: "Not Found" });
  } else if (!isReading && right === undefined) {
    json(response, 401, { message: "Requires authentication" });
  } else if (!isReading && right === "read") {
    json(response, 403, { message: "Resource not accessible by personal access token" });
  } else {
    return false;
  }
  request.resume();
  return true;
}

async function answer(exchange: Exchange): Promise<void> {
  const { server, request, response, url, origin, fault } = exchange;
  if (fault?.kind === "status") {
    request.resume();
    return json(response, fault.status, { message: fault.message ?? "fault" }, fault.headers ?? {});
  }
  if (url.pathname.startsWith("/storage/")) return content(exchange);
  if (refuse(exchange)) return;
  const download = /^\/owner\/images\/releases\/download\/([^/]+)\/(.+)$/.exec(url.pathname);
  if (download) {
    const release = server.releases.find((one) => one.tag_name === download[1]);
    const asset = release?.assets.find(
      ({ name, state }) => name === download[2] && state === "uploaded",
    );
    if (!asset) return json(response, 404, { message: "Not Found" });
    response.writeHead(302, { location: `${origin}/storage/${asset.id}` }).end();
    return;
  }
  if (url.pathname === "/graphql") return graphql(exchange);
  if (url.pathname.startsWith("/uploads/")) return upload(exchange);
  if (url.pathname.startsWith(REPO)) return releases(exchange);
  json(response, 404, { message: "Not Found" });
}

/** Starts a server with the repository `owner/images`, which has no releases. */
export async function startGithubServer(): Promise<GithubServer> {
  const server = new Server(await mkdtemp(join(tmpdir(), "vmbuild-github-")));
  const sockets = new Set<Socket>();
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const { method = "", headers } = request;
    server.requests.push({ method, path: url.pathname, headers });
    const fault = server.faultFor(`${method} ${url.pathname}${url.search}`);
    const origin = `http://${headers.host ?? ""}`;
    answer({ server, request, response, url, origin, fault }).catch((error: unknown) =>
      response.destroy(error as Error),
    );
  };
  const [http, local] = [createServer(onRequest), createServer(onRequest)];
  for (const one of [http, local]) {
    one.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
  }
  server.origin = `http://127.0.0.1:${await listenOnLoopback(http)}`;
  const socket = join(server.folder, "api.sock");
  await new Promise<void>((resolve) => local.listen(socket, resolve));
  const latest = () =>
    server.releases.find(({ tag_name: tag }) => tag === "latest") ??
    server.newRelease("latest", true);
  return Object.assign(server, {
    socket,
    inject: (pattern: RegExp, ...faults: GithubFault[]) => {
      for (const fault of faults) server.faults.push([pattern, fault]);
    },
    assets: () => latest().assets,
    names: () =>
      latest()
        .assets.filter(({ state }) => state === "uploaded")
        .map(({ name }) => name)
        .toSorted(),
    async add(name: string, data: Buffer | string, changes: Partial<ServerAsset> = {}) {
      const asset = server.newAsset(latest(), name, null);
      const file = await open(server.content(asset.id), "w");
      await file.writeFile(data);
      await file.close();
      const digest = `sha256:${createHash("sha256").update(data).digest("hex")}`;
      return Object.assign(
        asset,
        { state: "uploaded", size: Buffer.byteLength(data), digest },
        changes,
      );
    },
    async read(name: string) {
      const asset = latest().assets.find((one) => one.name === name);
      const chunks: Buffer[] = [];
      for await (const chunk of createReadStream(server.content(asset?.id ?? 0)))
        chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
    async [Symbol.asyncDispose]() {
      const closed = [http, local].map((one) => new Promise((resolve) => one.close(resolve)));
      for (const open of sockets) open.destroy();
      await Promise.all(closed);
      await rm(server.folder, { recursive: true, force: true });
    },
  });
}
