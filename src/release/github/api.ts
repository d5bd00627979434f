/** Makes requests to GitHub's REST API with octokit, and repeats those whose failures may pass. */
import type { Octokit } from "@octokit/core";
import { asAddressFailure, AddressFailure } from "../../inputs/failure.js";
import type { FullContext } from "../../inputs/context.js";
import { MAX_WAIT_MS, rateLimitWait } from "../../inputs/rate-limit.js";
import { messageOf } from "../../errors.js";
import { requesting } from "../errors.js";

/** Response: its data, which is not validated yet, and the server's time. */
export interface ApiResponse {
  readonly data: unknown;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Request of the API. */
export interface ApiRequest {
  /** What fails without it, such as `Cannot list the assets of github:owner/images`. */
  readonly doing: string;
  /** Method and path, such as `GET /repos/{owner}/{repo}`. */
  readonly route: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** GitHub asks to wait at least this long after a secondary limit that names no time. */
const SECONDARY_LIMIT_MS = 60_000;

interface ErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
}

/** Returns the response of octokit's error; undefined when there was none. */
function responseOf(error: unknown): ErrorResponse | undefined {
  if (typeof error !== "object" || error === null || !("response" in error)) return undefined;
  return error.response as ErrorResponse | undefined;
}

function hintFor(status: number, hasToken: boolean): string | undefined {
  if (status === 401) return "Set GITHUB_TOKEN to a valid token; GitHub does not accept this one.";
  if (status === 403) {
    return "The token in GITHUB_TOKEN needs write access to the repository's contents.";
  }
  if (status !== 404) return undefined;
  return hasToken
    ? "It does not exist, or the token in GITHUB_TOKEN has no access to it."
    : "It does not exist, or is private: then set GITHUB_TOKEN to a token that has access to it.";
}

/**
 * Converts an error of octokit to an {@link AddressFailure}.
 * @param now milliseconds since the epoch.
 */
function githubFailure(
  error: unknown,
  context: FullContext,
  hasToken: boolean,
): AddressFailure | Error {
  if (error instanceof AddressFailure) return error;
  const response = responseOf(error);
  if (!response) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
    return asAddressFailure(inner, context.limits);
  }
  const { status, headers } = response;
  const header = (name: string): string | undefined => headers[name]?.toString();
  const message = messageOf(error).replace(/ - https?:\S+$/, "");
  const isSecondary = (status === 403 || status === 429) && /rate limit/i.test(message);
  const after = Number(header("retry-after") ?? NaN) * 1000;
  const wait =
    rateLimitWait(status, header, context.clock.now()) ??
    (status === 429 && after >= 0 ? Math.min(after, MAX_WAIT_MS) : undefined) ??
    (isSecondary ? SECONDARY_LIMIT_MS : undefined);
  if (wait !== undefined) {
    return new AddressFailure(`GitHub's rate limit is reached (${status})`, {
      ...{ retryable: true, retryAfterMs: wait, status, cause: error },
      hint: hasToken ? undefined : "With a token in GITHUB_TOKEN, the limit is much higher.",
    });
  }
  return new AddressFailure(`GitHub answered ${status}: ${message}`, {
    retryable: [408, 425, 429].includes(status) || (status >= 500 && status !== 501),
    ...{ status, hint: hintFor(status, hasToken), cause: error },
  });
}

/** Client of the API. */
export class GithubApi {
  readonly #octokit: Octokit;
  readonly #context: FullContext;
  readonly hasToken: boolean;

  constructor(octokit: Octokit, context: FullContext, hasToken: boolean) {
    this.#octokit = octokit;
    this.#context = context;
    this.hasToken = hasToken;
  }

  /** Returns a client whose requests another signal ends. */
  withSignal(signal: AbortSignal): GithubApi {
    return new GithubApi(this.#octokit, { ...this.#context, signal }, this.hasToken);
  }

  /**
   * Makes a request once.
   * @throws {AddressFailure} which says whether another attempt may succeed; the errors of a body
   *   that is read; the reason of the signal.
   */
  async once({ route, params = {} }: Omit<ApiRequest, "doing">): Promise<ApiResponse> {
    const { signal } = this.#context;
    signal.throwIfAborted();
    // fetch() fails with a signal whose number of listeners is not limited, such as that of commands.
    const own = AbortSignal.any([signal]);
    try {
      const response = await this.#octokit.request(route, { ...params, request: { signal: own } });
      const date = Date.parse(response.headers.date ?? "");
      return { data: response.data, now: Number.isNaN(date) ? this.#context.clock.now() : date };
    } catch (error) {
      signal.throwIfAborted();
      throw githubFailure(error, this.#context, this.hasToken);
    }
  }

  /**
   * Makes a request, and repeats it where that may help.
   * @throws {VmbuildError} RELEASE_FAILED; the reason of the signal.
   */
  request({ doing, ...request }: ApiRequest): Promise<ApiResponse> {
    return this.retry(doing, () => this.once(request));
  }

  /** Repeats an attempt of several requests. */
  retry<T>(doing: string, attempt: () => Promise<T>): Promise<T> {
    return requesting({ doing, attempt }, this.#context);
  }
}
