/** Sends events to a URL, and decides what an answer means. */
import type { Dispatcher } from "undici";
import { messageOf } from "../../errors.js";
import { formatDuration } from "../../host/format.js";
import { proxyRefusal, requestFailure } from "../../inputs/agent.js";
import type { SendResult } from "../delivery.js";

/** Body of a request, with its media type. */
export interface Body {
  readonly text: string;
  readonly type: string;
}

/** Request. */
export interface HttpRequest {
  readonly url: URL;
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
  /** Same in each attempt. */
  readonly id: string;
  /** Limit of the whole exchange. Milliseconds. */
  readonly timeoutMs: number;
}

/** Statuses by which a receiver refuses the content: a further attempt would end the same way. */
const REFUSED: ReadonlySet<number> = new Set([400, 406, 409, 411, 413, 414, 415, 422, 431]);
/** Longest pause that a receiver can ask for. Milliseconds. */
const MAX_RETRY_AFTER_MS = 300_000;

/** Parses `Retry-After` in its two forms: seconds or a date. */
function retryAfterMs(value: string | string[] | undefined): number | undefined {
  if (typeof value !== "string") return undefined;
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(wait) ? Math.min(Math.max(0, wait), MAX_RETRY_AFTER_MS) : undefined;
}

function headersOf({ url, headers, body, id }: HttpRequest): Record<string, string> {
  const { username, password } = url;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const login = `Basic ${Buffer.from(pair).toString("base64")}`;
  return {
    "user-agent": "vmbuild",
    "content-type": body.type,
    "idempotency-key": id,
    ...(username === "" && password === "" ? {} : { authorization: login }),
    ...Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
    ),
  };
}

function resultOf({ statusCode: status, headers }: Dispatcher.ResponseData): SendResult {
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const reason = `the server answered ${status}`;
  if (REFUSED.has(status)) return { kind: "refused", reason };
  return { kind: "failed", reason, retryAfterMs: retryAfterMs(headers["retry-after"]) };
}

/**
 * Sends one request. Redirects are not followed: they are failures.
 * @param signal ends the request, as a failure.
 */
export async function sendRequest(
  request: HttpRequest,
  agent: Dispatcher,
  signal: AbortSignal,
): Promise<SendResult> {
  const { url, method, body, timeoutMs } = request;
  const limits = { headersTimeoutMs: timeoutMs, idleTimeoutMs: timeoutMs, attempts: 1 };
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const response = await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: headersOf(request),
      body: body.text,
      signal: AbortSignal.any([signal, late]),
    });
    await response.body.dump({ limit: 64 * 1024 });
    const refusal = proxyRefusal(response.statusCode, url);
    return refusal ? { kind: "failed", reason: refusal.message } : resultOf(response);
  } catch (error) {
    if (late.aborted) {
      return { kind: "failed", reason: `no answer within ${formatDuration(timeoutMs)}` };
    }
    return { kind: "failed", reason: messageOf(requestFailure(error, url, limits)) };
  }
}
