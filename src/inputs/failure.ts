/** Why an address did not give its file, in words, and whether to ask again. */
import { trustHint } from "../host/authorities.js";
import { formatDuration } from "../host/format.js";
import { messageOf, systemCode } from "../errors.js";
import type { NetworkLimits } from "./context.js";

/** One address failed. It stays inside this room: the caller makes an INPUT_DOWNLOAD of it. */
export class AddressFailure extends Error {
  override readonly name = "AddressFailure";
  /** Whether the same address may answer better in a while. */
  readonly retryable: boolean;
  /** What the server asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** What to do about it, where that is better known than in general. */
  readonly hint: string | undefined;

  constructor(
    message: string,
    options: {
      retryable: boolean;
      retryAfterMs?: number | undefined;
      hint?: string | undefined;
      cause?: unknown;
    },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.hint = options.hint;
  }
}

/** Codes of undici, Node and getaddrinfo that people should read as words. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was reset",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host name could not be resolved",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ETIMEDOUT: "the connection timed out",
  UND_ERR_CONNECT_TIMEOUT: "the connection timed out",
  UND_ERR_SOCKET: "the connection was closed",
};

/** Asking again does not help: the name does not exist, or the certificate is not trusted. */
const FINAL =
  /^(ENOTFOUND|ENOENT|ENOTDIR|EACCES|EISDIR|ENAMETOOLONG|ELOOP|ERR_INVALID_|CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/** Turns what undici or the file system threw into an {@link AddressFailure}. */
export function asAddressFailure(error: unknown, limits: NetworkLimits): AddressFailure {
  if (error instanceof AddressFailure) return error;
  const code = systemCode(error) ?? "";
  if (code === "UND_ERR_BODY_TIMEOUT") {
    const message = `stalled: no data for ${formatDuration(limits.idleTimeoutMs)}`;
    return new AddressFailure(message, { retryable: true, cause: error });
  }
  const words = WORDS[code] ?? (messageOf(error) || code);
  const hint = trustHint(code);
  const what = hint === undefined ? words : `the certificate is not trusted: ${words}`;
  return new AddressFailure(what, { retryable: !FINAL.test(code), hint, cause: error });
}
