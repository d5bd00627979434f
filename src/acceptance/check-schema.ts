/** Defines the schema of checks in a template's `acceptance` section. */
import { z } from "zod";
import { commands, duration, environment } from "../fields.js";
import { pattern, valueSchema } from "./expected-value.js";
import { jsonPathProblem } from "./json-path.js";

/** Default time limit of one attempt. Milliseconds. */
const ATTEMPT_MS = 60_000;
/**
 * Default time limit of system checks, which wait until all services have started. Milliseconds.
 */
const SYSTEM_MS = 5 * 60_000;

const jsonPath = z.string().superRefine((text, context) => {
  const message = jsonPathProblem(text);
  if (message) context.addIssue({ code: "custom", message });
});

const jsonSchema = z
  .record(jsonPath, valueSchema)
  .describe("values by JSONPath (RFC 9535), such as $.data[*].id; the leading $. may be left out");

const authSchema = z
  .union([
    z.enum(["none", "basic", "bearer"]),
    z
      .strictObject({
        scheme: z.enum(["basic", "bearer"]).describe("how the secret is sent"),
        user: z.string().optional().describe("another user than that of the credentials"),
        secret: z.string().optional().describe("another password or token: a wrong one"),
        previous: z
          .boolean()
          .default(false)
          .describe("the secrets from before the round's newCredentials"),
      })
      .describe("with other secrets than the credentials"),
  ])
  .describe("who asks; none unless given");

const eventsSchema = z
  .strictObject({
    atLeast: z.int().min(1).default(1).describe("how many events there must be; 1 by default"),
    json: jsonSchema.optional().describe("values by path; some event's data must have each"),
    last: z.string().optional().describe('the last event\'s data, such as "[DONE]"'),
    spread: duration
      .optional()
      .describe("the least time between the first and the last: shows that nothing buffers them"),
  })
  .describe("the answer is a stream of server-sent events");

/** TCP port. */
export const port = z.int().min(1).max(65535);

/** Fields of every check. */
const common = {
  name: z.string().min(1).max(120).describe("what it shows, as the report names it"),
  timeout: duration.default(ATTEMPT_MS).describe('how long one attempt may take; "1m" by default'),
};
const within = duration
  .default(0)
  .describe("tried again until it holds, for so long after the machine's start; once unless given");

const httpCheckSchema = z
  .strictObject({
    ...common,
    http: z.string().startsWith("/", "a path begins with /").describe("the path, with its query"),
    within,
    method: z
      .string()
      .regex(/^[A-Z]+$/, "a method is upper-case")
      .optional()
      .describe("GET, or POST where there is a body"),
    scheme: z.enum(["https", "http"]).optional().describe("another one than the endpoint's"),
    port: port.optional().describe("another one than the endpoint's"),
    headers: z.record(z.string(), z.string()).default({}).describe("the request's"),
    auth: authSchema.default("none"),
    body: z.string().optional().describe("the request's body as it is"),
    json: z.record(z.string(), z.unknown()).optional().describe("the request's body, as JSON"),
    status: z
      .union([z.int(), z.array(z.int()).min(1)])
      .transform((value) => (Array.isArray(value) ? value : [value]))
      .default([200])
      .describe("the status, or any of several; 200 by default"),
    expect: z
      .strictObject({
        headers: z.record(z.string(), pattern).default({}).describe("patterns by header"),
        body: pattern.optional(),
        json: jsonSchema.optional(),
        events: eventsSchema.optional(),
      })
      .prefault({})
      .describe("what the answer must be beside its status"),
  })
  .describe("a request over HTTP; redirects are not followed");

const commandCheckSchema = z
  .strictObject({
    ...common,
    run: commands.describe("commands in the guest, for /bin/sh"),
    within,
    environment: environment.default({}),
    exitCode: z.int().min(0).max(255).default(0).describe("0 by default"),
    output: pattern.optional().describe("what standard output must have: a regular expression"),
  })
  .describe("commands in the guest, as root");

/** Names of the system checks. */
const SYSTEM_CHECKS = ["no-failed-units", "no-kernel-errors", "boot-time"] as const;

const systemCheckSchema = z
  .strictObject({
    ...common,
    timeout: duration
      .default(SYSTEM_MS)
      .describe('how long it may take, until all is started; "5m" by default'),
    system: z
      .enum(SYSTEM_CHECKS)
      .describe(
        "no-failed-units of systemd; no-kernel-errors (oops, panic, out of memory) on the console or in the kernel's log; boot-time, from the kernel's start until all is started",
      ),
    atMost: duration.optional().describe("the longest boot-time"),
    allow: z
      .array(z.string())
      .default([])
      .describe("units that may have failed, or texts whose lines on the console do not count"),
  })
  .superRefine(({ system, atMost }, context) => {
    if ((system === "boot-time") === (atMost !== undefined)) return;
    const message = atMost === undefined ? "boot-time needs atMost" : "atMost is for boot-time";
    context.addIssue({ code: "custom", path: ["atMost"], message });
  })
  .describe("a look at the guest's system");

/** Schema of a check of any kind. */
export const checkSchema = z.union([httpCheckSchema, commandCheckSchema, systemCheckSchema], {
  error: 'a check has exactly one of "http", "run" and "system"',
});

/** Check of any kind. */
export type Check = z.infer<typeof checkSchema>;
/** HTTP request and the expected response. */
export type HttpCheck = z.infer<typeof httpCheckSchema>;
/** Commands in the guest. */
export type CommandCheck = z.infer<typeof commandCheckSchema>;
/** Check of the guest's system. */
export type SystemCheck = z.infer<typeof systemCheckSchema>;

/** Returns the method of a check's request. */
export function methodOf({ method, body, json }: HttpCheck): string {
  return method ?? ((body ?? json) === undefined ? "GET" : "POST");
}

/** Returns the authentication scheme of a check's request. */
export function schemeOf({ auth }: Pick<HttpCheck, "auth">): "none" | "basic" | "bearer" {
  return typeof auth === "string" ? auth : auth.scheme;
}
