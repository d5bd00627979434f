/**
 * Defines the template's `acceptance` section: the checks of a finished image, and how it is booted
 * for them.
 */
import { z } from "zod";
import { checkSchema, port, schemeOf } from "../acceptance/check-schema.js";
import type { Check } from "../acceptance/check-schema.js";
import { durationOr, hostPath, memorySize } from "../fields.js";
import { CONTEXT_NAME } from "../seed/context.js";

/** Default time limit for the first login to the guest. Milliseconds. */
const LOGIN_MS = 10 * 60_000;

const checkList = z.array(checkSchema);

const contextSchema = z
  .record(
    z.string().regex(CONTEXT_NAME, "not a valid name for a CONTEXT variable"),
    z.union([z.string(), z.number(), z.boolean()]).transform(String),
  )
  .describe("variables for the OpenNebula CONTEXT disk; they override those that vmbuild sets");

const bootSchema = z
  .strictObject({
    context: contextSchema.optional(),
    seed: z
      .boolean()
      .optional()
      .describe("whether to attach a NoCloud disk; if omitted, only when there is no `context`"),
    cpus: z
      .int()
      .min(1)
      .max(255)
      .optional()
      .describe("number of virtual CPUs; if omitted, `machine.cpus`"),
    memory: memorySize.optional().describe("guest RAM; if omitted, `machine.memory`"),
    timeout: durationOr(LOGIN_MS).describe("time limit for the first SSH login"),
  })
  .describe("machine that the image is booted in");

const endpointSchema = z
  .strictObject({
    scheme: z.enum(["https", "http"]).default("https").describe("URL scheme"),
    port: port.optional().describe("port in the guest; if omitted, the scheme's standard port"),
    insecure: z
      .boolean()
      .default(false)
      .describe("accept any certificate, such as a self-signed one, in `vmbuild test`"),
    ca: hostPath(z.string().optional().describe("path of a PEM file of trusted certificates")),
    serverName: z.string().optional().describe("host name that the certificate must be valid for"),
  })
  .describe("server that HTTP checks connect to");

const credentialsSchema = z
  .strictObject({
    user: z.string().default("").describe("user name for basic authentication"),
    password: z
      .string()
      .optional()
      .describe("fixed password; use `passwordContext` where a CONTEXT variable sets it"),
    passwordContext: z
      .string()
      .regex(CONTEXT_NAME, "not a valid name for a CONTEXT variable")
      .optional()
      .describe("CONTEXT variable that sets the password; `vmbuild test` gives it a random value"),
    token: z
      .string()
      .optional()
      .describe("token for bearer authentication; if omitted, the password"),
    tokenContext: z
      .string()
      .regex(CONTEXT_NAME, "not a valid name for a CONTEXT variable")
      .optional()
      .describe("CONTEXT variable that sets the token; `vmbuild test` gives it a random value"),
  })
  .describe("credentials for HTTP checks");

const roundSchema = z
  .strictObject({
    name: z.string().min(1).max(120).describe('name in the report, such as "after a reboot"'),
    context: contextSchema.optional(),
    newCredentials: z
      .boolean()
      .default(false)
      .describe("generate new random values for `passwordContext` and `tokenContext`"),
    checks: checkList.prefault([]).describe("additional checks, for this round only"),
  })
  .describe("restart of the guest on the same disk, after which the checks run again");

/** Returns all checks with the place of each. */
function placedChecks(section: { checks: Check[]; rounds: { checks: Check[] }[] }) {
  return [
    ...section.checks.map((check, index) => ({ check, path: ["checks", index], round: -1 })),
    ...section.rounds.flatMap(({ checks }, round) =>
      checks.map((check, index) => ({ check, round, path: ["rounds", round, "checks", index] })),
    ),
  ];
}

/** Schema of the section. */
export const acceptanceSchema = z
  .strictObject({
    title: z.string().optional().describe("title of the report"),
    boot: bootSchema.prefault({}),
    endpoint: endpointSchema.prefault({}),
    credentials: credentialsSchema.prefault({}),
    checks: checkList.min(1).describe("checks, in order"),
    rounds: z
      .array(roundSchema)
      .prefault([])
      .describe("restarts after the first pass; each repeats all checks"),
  })
  .superRefine((section, context) => {
    const seen = new Set<string>();
    for (const { check, path, round } of placedChecks(section)) {
      const names = round < 0 ? [check.name] : [`${round}/${check.name}`, check.name];
      if (names.some((name) => seen.has(name))) {
        const message = `the name "${check.name}" is used by another check`;
        context.addIssue({ code: "custom", path: [...path, "name"], message });
      }
      seen.add(names[0] ?? "");
      if (!("http" in check)) continue;
      if (check.body !== undefined && check.json !== undefined) {
        const message = 'a request has "body" or "json", not both';
        context.addIssue({ code: "custom", path: [...path, "json"], message });
      }
      const { auth } = check;
      const user = typeof auth === "string" ? undefined : auth.user;
      if (schemeOf(check) === "basic" && (user ?? section.credentials.user) === "") {
        const message = "basic authentication requires credentials.user";
        context.addIssue({ code: "custom", path: [...path, "auth"], message });
      }
    }
  })
  .describe("acceptance checks of the finished image, for `vmbuild test` and `vmbuild verify`");

/** Section after defaults and units. Durations are milliseconds. */
export type Acceptance = z.infer<typeof acceptanceSchema>;
