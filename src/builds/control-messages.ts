/** Defines the messages on a run's control socket. */
import { z } from "zod";
import { ERRORS, VmbuildError } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import type { ErrorReport } from "../events/types.js";

/** Answer to a request. */
export type ControlReply =
  { readonly result: Readonly<Record<string, unknown>> } | { readonly error: ErrorReport };

/** Request of a client: its name, and values by name. */
export interface ControlRequest {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const requestSchema = z.looseObject({ do: z.string() });

/** Request that releases a paused run. Earlier versions sent and knew only this word. */
export const RELEASE_WORD = "release";

/**
 * Reads a request: `{"do":"screen"}`, with values as further fields, or the word `release`.
 * @throws {VmbuildError} USAGE when the line is not a request.
 */
export function decodeRequest(line: string): ControlRequest {
  if (line.trim() === RELEASE_WORD) return { name: RELEASE_WORD, values: {} };
  const request = requestSchema.safeParse(parseJson(line));
  if (request.success) {
    const { do: name, ...values } = request.data;
    return { name, values };
  }
  throw new VmbuildError("USAGE", 'A request is a line of JSON such as {"do":"screen"}');
}

/** Request that ends a run, as SIGTERM does. */
export const STOP_REQUEST = "stop";
/** Request that moves the deadline of a run's lease; `ms` counts from now. */
export const RENEW_REQUEST = "renew";
/** Request by which a client holds the lease of a run until it closes its connection. */
export const HOLD_REQUEST = "hold";
/** Request that checks the lease of a run at once; it shows that the run's process still works. */
export const CHECK_LEASE_REQUEST = "lease";

/** Returns the line of a request. */
export function encodeRequest(name: string, values: ControlRequest["values"] = {}): string {
  return `${JSON.stringify({ ...values, do: name })}\n`;
}

const errorSchema = z.object({
  code: z.string().refine((code): code is ErrorCode => code in ERRORS),
  message: z.string(),
  hint: z.string(),
  lines: z.array(z.string()),
});
const replySchema = z.union([
  z.object({ result: z.record(z.string(), z.unknown()) }),
  z.object({ error: errorSchema }),
]);

/**
 * Returns the result of a request.
 * @throws {VmbuildError} the error of the run; BUILD_UNKNOWN when the line is not an answer.
 */
export function decodeReply(line: string): Readonly<Record<string, unknown>> {
  const reply = replySchema.safeParse(parseJson(line));
  if (!reply.success) {
    throw new VmbuildError("BUILD_UNKNOWN", "The run did not answer the request", {
      hint: "It may be a run of another version of vmbuild, or have just ended.",
    });
  }
  if ("result" in reply.data) return reply.data.result;
  const { code, message, hint, lines } = reply.data.error;
  throw new VmbuildError(code, message, { hint, lines });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The schema refuses it.
    return undefined;
  }
}
