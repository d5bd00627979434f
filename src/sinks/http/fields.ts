/** Defines the fields of sinks that send HTTP requests. */
import { z } from "zod";
import { durationOr } from "../../fields.js";
import { addressProblem } from "../../inputs/address-problem.js";

/** URL of HTTP or HTTPS. */
export const requestUrl = z.string().superRefine((value, context) => {
  const problem = /^https?:/i.test(value)
    ? addressProblem(value)
    : "does not begin with https:// or http://";
  if (problem !== undefined) context.addIssue({ code: "custom", message: `the URL ${problem}` });
});

/** Header names that belong to the connection or to the body. */
const RESERVED_HEADERS =
  /^(host|connection|content-length|transfer-encoding|upgrade|expect|te|trailer|keep-alive)$/i;

/** Values of headers (RFC 9110, section 5.5). */
// eslint-disable-next-line no-control-regex -- control characters are the point here
const HEADER_VALUE = /^[^\u0000-\u0008\u000a-\u001f\u007f]*$/;

/** Headers that are added to requests. */
export const requestHeaders = z
  .record(
    z
      .string()
      .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "not a valid name for a header")
      .refine((name) => !RESERVED_HEADERS.test(name), "vmbuild sets this header itself"),
    z.string().regex(HEADER_VALUE, "a header contains no control characters"),
  )
  .default({})
  .describe("headers of each request; values may come from sensitive variables");

/** Default values. Milliseconds. */
const DEFAULTS = { timeout: 10_000, drain: 5000 } as const;
/** Longest time for which the end of a run may wait. Milliseconds. */
const MAX_DRAIN_MS = 60_000;

/** Time limit of a request. */
export const requestTimeout = durationOr(DEFAULTS.timeout).describe("time limit for each request");

/** Time limit of the delivery after the last event of a run. */
export const drainTime = durationOr(DEFAULTS.drain)
  .refine((ms) => ms <= MAX_DRAIN_MS, "must be at most 60s")
  .describe("longest time for which the end of the run waits for the delivery");

/** Returns the password in a URL as it stands there and decoded; nothing where there is none. */
export function urlSecrets(url: string): readonly string[] {
  const { password } = new URL(url);
  return password === "" ? [] : [password, decodeURIComponent(password)];
}
