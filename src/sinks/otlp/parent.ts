/** Reads the span that called vmbuild from the environment, as W3C Trace Context writes it. */
import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import type { Context } from "@opentelemetry/api";

/** `traceparent` of W3C Trace Context, section 3.2: version, trace id, span id, flags. */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-|$)/;

/**
 * Returns the context of the caller's span from `TRACEPARENT`; that of a new trace where the
 * variable is missing or not valid.
 */
export function callerContext(environment: Readonly<Record<string, string | undefined>>): Context {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(environment["TRACEPARENT"] ?? "") ?? [];
  if (!traceId || !spanId || !flags || /^0+$/.test(traceId) || /^0+$/.test(spanId)) {
    return ROOT_CONTEXT;
  }
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  });
}
