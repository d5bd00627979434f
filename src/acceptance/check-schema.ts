/** Defines the schema of checks in a template's `acceptance` section. */
import { z } from "zod";
import { commands, duration, durationOr, environment } from "../fields.js";
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
  .describe(
    "expected values by JSONPath (RFC 9535), such as $.data[*].id; the leading $. may be left out",
  );

const authSchema = z
  .union([
    z.enum(["none", "basic", "bearer"]),
    z
      .strictObject({
        scheme: z.enum(["basic", "bearer"]).describe("HTTP authentication scheme"),
        user: z.string().optional().describe("user name; if omitted, `credentials.user`"),
        secret: z
          .string()
          .optional()
          .describe("password or token in place of that of `credentials`, such as a wrong one"),
        previous: z
          .boolean()
          .default(false)
          .describe("use the credentials that were valid before the round's `newCredentials`"),
      })
      .describe("authentication that differs from `credentials`"),
  ])
  .describe("HTTP authentication with `credentials`: none, basic or bearer");

const eventsSchema = z
  .strictObject({
    atLeast: z.int().min(1).default(1).describe("minimum number of events"),
    json: jsonSchema
      .optional()
      .describe("expected values by JSON path; each must occur in the data of at least one event"),
    last: z.string().optional().describe('data of the last event, such as "[DONE]"'),
    spread: duration
      .optional()
      .describe("minimum time between the first and the last event, to detect buffering"),
  })
  .describe("response as a stream of server-sent events");

/** TCP port. */
export const port = z.int().min(1).max(65535);

/** Fields of every check. */
const common = {
  name: z.string().min(1).max(120).describe("name in the report"),
  timeout: durationOr(ATTEMPT_MS).describe("time limit for one attempt"),
};
const within = durationOr(0).describe(
  "retry a failing check until this long after the machine started; 0s: one attempt",
);

const httpCheckSchema = z
  .strictObject({
    ...common,
    http: z
      .string()
      .startsWith("/", "a path begins with /")
      .describe("path of the request, with its query string"),
    within,
    method: z
      .string()
      .regex(/^[A-Z]+$/, "an HTTP method is written in upper case")
      .optional()
      .describe("HTTP method; if omitted, GET, or POST for a request with a body"),
    scheme: z
      .enum(["https", "http"])
      .optional()
      .describe("URL scheme; if omitted, `endpoint.scheme`"),
    port: port.optional().describe("port; if omitted, `endpoint.port`"),
    headers: z.record(z.string(), z.string()).default({}).describe("request headers"),
    auth: authSchema.default("none"),
    body: z.string().optional().describe("request body, sent unchanged"),
    json: z.record(z.string(), z.unknown()).optional().describe("request body, sent as JSON"),
    status: z
      .union([z.int(), z.array(z.int()).min(1)])
      .transform((value) => (Array.isArray(value) ? value : [value]))
      .prefault(200)
      .describe("accepted status code, or list of accepted codes"),
    expect: z
      .strictObject({
        headers: z
          .record(z.string(), pattern)
          .default({})
          .describe("regular expressions by name of a response header"),
        body: pattern.optional(),
        json: jsonSchema.optional(),
        events: eventsSchema.optional(),
      })
      .prefault({})
      .describe("requirements on the response, in addition to its status"),
  })
  .describe("HTTP request; redirects are not followed");

const commandCheckSchema = z
  .strictObject({
    ...common,
    run: commands.describe("command, or list of commands, for /bin/sh in the guest"),
    within,
    environment: environment.prefault({}),
    exitCode: z.int().min(0).max(255).default(0).describe("expected exit code"),
    output: pattern.optional().describe("regular expression that standard output must match"),
  })
  .describe("commands that run in the guest as root");

/** Names of the system checks. */
const SYSTEM_CHECKS = ["no-failed-units", "no-kernel-errors", "boot-time"] as const;

const systemCheckSchema = z
  .strictObject({
    ...common,
    timeout: durationOr(SYSTEM_MS).describe("time limit, including the wait for the boot to end"),
    system: z
      .enum(SYSTEM_CHECKS)
      .describe(
        "no-failed-units: no systemd unit has failed; no-kernel-errors: no oops, panic or out-of-memory message on the console or in the kernel log; boot-time: the time from the kernel's start until systemd has finished booting is at most atMost",
      ),
    atMost: duration.optional().describe("maximum for boot-time"),
    allow: z
      .array(z.string())
      .default([])
      .describe("failed units, or strings in console lines, to ignore"),
  })
  .superRefine(({ system, atMost }, context) => {
    if ((system === "boot-time") === (atMost !== undefined)) return;
    const message =
      atMost === undefined ? 'boot-time requires "atMost"' : '"atMost" is valid for boot-time only';
    context.addIssue({ code: "custom", path: ["atMost"], message });
  })
  .describe("check of the guest's operating system");

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
