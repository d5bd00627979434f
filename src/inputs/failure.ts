/** Describes why an address failed and whether a retry may help. */
import { trustHint } from "../host/authorities.js";
import { formatDuration } from "../host/format.js";
import { messageOf, systemCode } from "../errors.js";
import type { NetworkLimits } from "./context.js";

/** Failure of one address. It is internal to `inputs`; callers convert it to INPUT_DOWNLOAD. */
export class AddressFailure extends Error {
  override readonly name = "AddressFailure";
  /** True when the same address may succeed later. */
  readonly retryable: boolean;
  /** Delay that the server requested, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Advice that is more specific than the general one. */
  readonly hint: string | undefined;
  /** Status with which the server refused the request; undefined for other failures. */
  readonly status: number | undefined;

  constructor(
    message: string,
    options: {
      retryable: boolean;
      retryAfterMs?: number | undefined;
      hint?: string | undefined;
      status?: number | undefined;
      cause?: unknown;
    },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.hint = options.hint;
    this.status = options.status;
  }
}

/** Descriptions for error codes of undici, Node and getaddrinfo. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
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

/**
 * Error codes for which a retry does not help: the name does not exist, or the certificate is not
 * trusted.
 */
const PERMANENT =
  /^(ENOTFOUND|ENOENT|ENOTDIR|EACCES|EISDIR|ENAMETOOLONG|ELOOP|ERR_INVALID_|CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/** Converts an error of undici or of the file system to an {@link AddressFailure}. */
export function asAddressFailure(error: unknown, limits: NetworkLimits): AddressFailure {
  if (error instanceof AddressFailure) return error;
  const code = systemCode(error) ?? "";
  if (code === "UND_ERR_BODY_TIMEOUT") {
    const message = `stalled: no data for ${formatDuration(limits.idleTimeoutMs)}`;
    return new AddressFailure(message, { retryable: true, cause: error });
  }
  const description = DESCRIPTIONS[code] ?? (messageOf(error) || code);
  const hint = trustHint(code);
  const what = hint === undefined ? description : `the certificate is not trusted: ${description}`;
  return new AddressFailure(what, { retryable: !PERMANENT.test(code), hint, cause: error });
}
