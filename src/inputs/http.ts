/** Makes one GET request over HTTP(S), with redirects, ranges, conditions and distinct failures. */
import type { Dispatcher } from "undici";
import { formatDuration } from "../host/format.js";
import { displayUrl } from "./address.js";
import { proxyRefusal, requestFailure } from "./agent.js";
import { encodingsToUndo, unsupportedEncoding, undoEncodings } from "./content-encoding.js";
import { AddressFailure } from "./failure.js";
import type { OpenedSource, OpenRequest } from "./opened-source.js";
import type { Network } from "./context.js";
import { rateLimitWait } from "./rate-limit.js";

const MAX_REDIRECTS = 10;
const MAX_RETRY_AFTER_MS = 60_000;

type Response = Dispatcher.ResponseData;

/** Discards a response whose body is not read. */
function drop(response: Response): void {
  // Destroying the body makes undici emit an error that nothing else listens to.
  response.body.on("error", () => {});
  response.body.destroy();
}

function headerOf(response: Response, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Parses `Retry-After` in its two forms: seconds or a date. */
function retryAfterMs(response: Response, now: number): number | undefined {
  const text = headerOf(response, "retry-after");
  if (text === undefined) return undefined;
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(wait) ? Math.min(Math.max(0, wait), MAX_RETRY_AFTER_MS) : undefined;
}

function credentialsOf(url: URL): Record<string, string> {
  if (url.username === "" && url.password === "") return {};
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

function headersFor(url: URL, start: URL, wanted: OpenRequest): Record<string, string> {
  return {
    // The file is stored and hashed as it is on the server.
    "accept-encoding": "identity",
    "user-agent": "vmbuild",
    ...(wanted.accept === undefined ? {} : { accept: wanted.accept }),
    ...(url.origin === start.origin ? credentialsOf(start) : {}),
    ...(url.origin === start.origin && wanted.authorization !== undefined
      ? { authorization: wanted.authorization }
      : {}),
    ...(wanted.from > 0 ? { range: `bytes=${wanted.from}-` } : {}),
    ...(wanted.from > 0 && wanted.ifRange !== undefined ? { "if-range": wanted.ifRange } : {}),
    ...(wanted.unless?.etag === undefined ? {} : { "if-none-match": wanted.unless.etag }),
    ...(wanted.unless?.lastModified === undefined
      ? {}
      : { "if-modified-since": wanted.unless.lastModified }),
  };
}

async function ask(
  url: URL,
  headers: Record<string, string>,
  { agent, limits, signal }: Network,
): Promise<Response> {
  try {
    const response = await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: "GET",
      headers,
      // The wait for the headers has a timer of its own, because this one starts too late.
      headersTimeout: 0,
      bodyTimeout: limits.idleTimeoutMs,
      signal,
    });
    const refusal = proxyRefusal(response.statusCode, url);
    if (!refusal) return response;
    drop(response);
    throw refusal;
  } catch (error) {
    signal.throwIfAborted();
    throw requestFailure(error, url, limits);
  }
}

/** Follows redirects until another response arrives. */
async function follow(start: URL, wanted: OpenRequest, network: Network): Promise<Response> {
  let url = start;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const response = await ask(url, headersFor(url, start, wanted), network);
    const location = headerOf(response, "location");
    if (![301, 302, 303, 307, 308].includes(response.statusCode) || location === undefined) {
      return response;
    }
    await response.body.dump();
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (!next || !/^https?:$/.test(next.protocol)) {
      throw new AddressFailure(`redirected to ${location}, which is not an http(s) URL`, {
        retryable: false,
      });
    }
    if (url.protocol === "https:" && next.protocol === "http:") {
      throw new AddressFailure(`redirected from https to ${displayUrl(next.href)}`, {
        retryable: false,
      });
    }
    url = next;
  }
  throw new AddressFailure(`more than ${MAX_REDIRECTS} redirects`, { retryable: false });
}

/** Same as {@link follow}, with a time limit for the headers only; the body may take any time. */
async function followInTime(url: URL, wanted: OpenRequest, network: Network): Promise<Response> {
  const { limits } = network;
  const late = new AbortController();
  const timer = setTimeout(() => {
    const message = `no response within ${formatDuration(limits.headersTimeoutMs)}`;
    late.abort(new AddressFailure(message, { retryable: true }));
  }, limits.headersTimeoutMs);
  try {
    const signal = AbortSignal.any([network.signal, late.signal]);
    return await follow(url, wanted, { ...network, signal });
  } finally {
    clearTimeout(timer);
  }
}

/** Parses `Content-Range: bytes 5-9/10`: the offset of a partial response and the total size. */
function partOf(response: Response): { from: number; total: number | undefined } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headerOf(response, "content-range") ?? "");
  return match ? { from: Number(match[1]), total: numberOf(match[2]) } : undefined;
}

/** Returns whether a partial response belongs to the file whose beginning was received. */
function isSameFile(response: Response, wanted: OpenRequest): boolean {
  const part = partOf(response);
  if (part?.from !== wanted.from) return false;
  if (wanted.total !== undefined && part.total !== undefined && wanted.total !== part.total) {
    return false;
  }
  // A server may ignore If-Range; its own validators then decide.
  if (wanted.ifRange === undefined) return true;
  const kind = wanted.ifRange.startsWith('"') ? "etag" : "last-modified";
  const current = headerOf(response, kind);
  return current === undefined || current === wanted.ifRange;
}

/**
 * Returns whether a full response is the cached file, for servers that ignore conditional requests.
 */
function isUnchanged(response: Response, wanted: OpenRequest): boolean {
  if (wanted.unless?.etag !== undefined) return headerOf(response, "etag") === wanted.unless.etag;
  return (
    wanted.unless?.lastModified !== undefined &&
    headerOf(response, "last-modified") === wanted.unless.lastModified &&
    numberOf(headerOf(response, "content-length")) === wanted.unless.size
  );
}

/**
 * Requests a file, or the rest of one.
 * @returns `unchanged` when the file is still the one that `wanted.unless` describes.
 * @throws {AddressFailure} with the reason; the signal's own reason when it aborted.
 */
export async function openHttp(
  address: string,
  wanted: OpenRequest,
  network: Network,
): Promise<OpenedSource | "unchanged"> {
  const { limits, signal } = network;
  let response: Response;
  try {
    response = await followInTime(new URL(address), wanted, network);
  } catch (error) {
    signal.throwIfAborted();
    throw requestFailure(error, new URL(address), limits);
  }
  const { statusCode: status } = response;
  const wrongPart = status === 206 && !isSameFile(response, wanted);
  const header = headerOf(response, "content-encoding");
  const encodings = encodingsToUndo(header, new URL(address).pathname);
  const encodedPart = status === 206 && encodings.length > 0;
  if (wrongPart || ((status === 416 || encodedPart) && wanted.from > 0)) {
    drop(response);
    const { authorization, accept } = wanted;
    const all = { from: 0, authorization, accept };
    return openHttp(address, all, network);
  }
  if (status === 304 || (status === 200 && isUnchanged(response, wanted))) {
    drop(response);
    return "unchanged";
  }
  if (status !== 200 && status !== 206) {
    drop(response);
    const limitedMs = rateLimitWait(status, (name) => headerOf(response, name), Date.now());
    const limit = limitedMs === undefined ? "" : ", because its rate limit is reached";
    throw new AddressFailure(`the server answered ${status}${limit}`, {
      status,
      retryable:
        limitedMs !== undefined ||
        [408, 425, 429].includes(status) ||
        (status >= 500 && status !== 501),
      retryAfterMs: limitedMs ?? retryAfterMs(response, Date.now()),
    });
  }
  const strange = unsupportedEncoding(encodings);
  if (strange !== undefined || encodedPart) {
    drop(response);
    const encoding = header ?? "";
    throw new AddressFailure(
      `the server sent the file with Content-Encoding: ${encoding}, which cannot be undone`,
      { retryable: false },
    );
  }
  if (encodings.length > 0) {
    const [etag, lastModified] = [headerOf(response, "etag"), headerOf(response, "last-modified")];
    const body = undoEncodings(response.body, encodings);
    return { from: 0, total: undefined, etag, lastModified, encoded: true, body };
  }
  const total =
    status === 206 ? partOf(response)?.total : numberOf(headerOf(response, "content-length"));
  return {
    from: status === 206 ? wanted.from : 0,
    total,
    etag: headerOf(response, "etag"),
    lastModified: headerOf(response, "last-modified"),
    body: response.body,
  };
}
