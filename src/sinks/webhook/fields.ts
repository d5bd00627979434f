/** Defines the fields of sinks that send HTTP requests. */
import { z } from "zod";
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
