/** Defines the messages on a run's control socket. */
import { z } from "zod";
import { ERRORS, VmbuildError } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import type { ErrorReport } from "../events/types.js";

/** Answer to a request. */
export type ControlReply =
  { readonly result: Readonly<Record<string, unknown>> } | { readonly error: ErrorReport };

const requestSchema = z.object({ do: z.string() });

/** Request that releases a paused run. Earlier versions sent and knew only this word. */
export const RELEASE_WORD = "release";

/**
 * Returns the name of a request: `{"do":"screen"}`, or the word `release`.
 * @throws {VmbuildError} USAGE when the line is not a request.
 */
export function decodeRequest(line: string): string {
  if (line.trim() === RELEASE_WORD) return RELEASE_WORD;
  const request = requestSchema.safeParse(parseJson(line));
  if (request.success) return request.data.do;
  throw new VmbuildError("USAGE", 'A request is a line of JSON such as {"do":"screen"}');
}

/** Returns the line of a request. */
export function encodeRequest(request: string): string {
  return `${JSON.stringify({ do: request })}\n`;
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
