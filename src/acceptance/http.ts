/** Makes one request over HTTP(S) and compares the response with the template's expectation. */
import { request } from "undici";
import type { Dispatcher } from "undici";
import { messageOf, systemCode } from "../errors.js";
import { trustHint } from "../host/authorities.js";
import { formatDuration } from "../host/format.js";
import { authorizationOf } from "./credentials.js";
import type { Credentials } from "./credentials.js";
import { methodOf } from "./check-schema.js";
import type { HttpCheck } from "./check-schema.js";
import { mismatchAt } from "./json-path.js";
import { failed, passed, permanentFailure } from "./outcome.js";
import type { Outcome } from "./outcome.js";
import { readStream, streamProblem } from "./stream.js";
import { createAgent, isTrustError } from "./trust.js";
import type { Trust } from "./trust.js";

/** Target and credentials of requests. */
export interface HttpTarget {
  /**
   * Returns the address for a scheme and a port of a check, or the endpoint's own; without a `/` at
   * the end.
   */
  readonly address: (scheme?: "http" | "https", port?: number) => string;
  readonly trust: Trust;
  readonly serverName?: string | undefined;
  readonly credentials: Credentials;
}

/** Size limit of a response, well above that of any API. */
const MAX_BYTES = 16 * 2 ** 20;
const SHOWN_CHARACTERS = 300;

interface Body {
  readonly content: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

function bodyOf({ body, json }: HttpCheck): Body {
  if (json === undefined) return { content: body, headers: {} };
  return { content: JSON.stringify(json), headers: { "content-type": "application/json" } };
}

async function readText(response: Dispatcher.ResponseData): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the response has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Returns an excerpt of a response for the report. */
function excerpt(text: string): string[] {
  const start = text.slice(0, SHOWN_CHARACTERS).trim();
  if (start === "") return [];
  return `${start}${text.length > SHOWN_CHARACTERS ? "…" : ""}`.split(/\r?\n/).slice(0, 8);
}

function headerProblem(check: HttpCheck, response: Dispatcher.ResponseData): string | undefined {
  for (const [name, pattern] of Object.entries(check.expect.headers)) {
    const value = response.headers[name.toLowerCase()];
    const text = Array.isArray(value) ? value.join(", ") : value;
    if (text === undefined) return `the header ${name} is missing`;
    if (!new RegExp(pattern, "u").test(text)) {
      return `the header ${name} is ${JSON.stringify(text)}, which does not match ${pattern}`;
    }
  }
  return undefined;
}

function bodyProblem({ expect }: HttpCheck, text: string): string | undefined {
  if (expect.body !== undefined && !new RegExp(expect.body, "u").test(text)) {
    return `the body does not match ${expect.body}`;
  }
  if (!expect.json) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    return `the body is not valid JSON: ${messageOf(error)}`;
  }
  for (const [path, expected] of Object.entries(expect.json)) {
    const problem = mismatchAt(document, path, expected);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

async function checkResponse(
  check: HttpCheck,
  response: Dispatcher.ResponseData,
): Promise<Outcome> {
  const { statusCode } = response;
  if (!check.status.includes(statusCode)) {
    const text = await readText(response);
    const wanted = check.status.join(" or ");
    return failed(`got HTTP ${statusCode}, expected ${wanted}`, excerpt(text));
  }
  const wrongHeader = headerProblem(check, response);
  if (wrongHeader !== undefined) return failed(wrongHeader, excerpt(await readText(response)));
  const { events } = check.expect;
  if (events) {
    const type = String(response.headers["content-type"] ?? "none");
    if (!/^text\/event-stream\b/i.test(type)) {
      const text = excerpt(await readText(response));
      return failed(`the response is not an event stream, but of type ${type}`, text);
    }
    const stream = await readStream(response.body as AsyncIterable<Buffer>, events, MAX_BYTES);
    const problem = streamProblem(stream, events);
    return problem === undefined
      ? passed()
      : failed(problem, stream.map(({ data }) => data).slice(-5));
  }
  const text = await readText(response);
  const problem = bodyProblem(check, text);
  return problem === undefined ? passed() : failed(problem, excerpt(text));
}

/**
 * Returns the innermost error with a message, because undici and AggregateError wrap the others.
 */
function causeOf(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return causeOf(error.errors[0]);
  return error instanceof Error && error.cause instanceof Error ? causeOf(error.cause) : error;
}

function networkFailure(error: unknown, url: string): Outcome {
  const cause = causeOf(error);
  const code = systemCode(cause);
  if (isTrustError(code)) {
    const hint = trustHint(code);
    return failed(
      `the certificate of ${new URL(url).host} is not trusted: ${messageOf(cause)}`,
      hint === undefined ? [] : [hint],
    );
  }
  const reasons: Record<string, string> = {
    ECONNREFUSED: "connection refused",
    ECONNRESET: "the connection was reset",
    UND_ERR_SOCKET: "the connection was closed",
    ENOTFOUND: "no such host",
    EHOSTUNREACH: "host unreachable",
  };
  return failed(reasons[code ?? ""] ?? messageOf(cause));
}

/**
 * Makes one attempt.
 * @returns the outcome; a request that cannot be made is a failure too.
 * @throws the signal's reason when it aborted.
 */
export async function checkHttp(
  check: HttpCheck,
  target: HttpTarget,
  signal: AbortSignal,
): Promise<Outcome> {
  const authorization = authorizationOf(check.auth, target.credentials);
  if (typeof authorization !== "object") return permanentFailure(authorization);
  const { content, headers } = bodyOf(check);
  const url = target.address(check.scheme, check.port) + check.http;
  const deadline = AbortSignal.timeout(check.timeout);
  const agent = createAgent(target.trust, target.serverName);
  try {
    const response = await request(url, {
      dispatcher: agent,
      method: methodOf(check),
      headers: {
        "user-agent": "vmbuild",
        "accept-encoding": "identity",
        ...headers,
        ...authorization,
        ...check.headers,
      },
      body: content ?? null,
      signal: AbortSignal.any([signal, deadline]),
    });
    return await checkResponse(check, response);
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted) return failed(`no response within ${formatDuration(check.timeout)}`);
    return networkFailure(error, url);
  } finally {
    await agent.destroy();
  }
}
