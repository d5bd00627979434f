/**
 * Defines the template's `acceptance` section: the checks of a finished image, and how it is booted
 * for them.
 */
import { z } from "zod";
import { checkSchema, port, schemeOf } from "../acceptance/check-schema.js";
import type { Check } from "../acceptance/check-schema.js";
import { duration, memorySize } from "../fields.js";
import { CONTEXT_NAME } from "../seed/context.js";

/** Default time limit for the first login to the guest. Milliseconds. */
const LOGIN_MS = 10 * 60_000;

const checkList = z.array(checkSchema);

const contextSchema = z
  .record(
    z.string().regex(CONTEXT_NAME, "not a name for a context variable"),
    z.union([z.string(), z.number(), z.boolean()]).transform(String),
  )
  .describe("OpenNebula's context variables, over vmbuild's own");

const bootSchema = z
  .strictObject({
    context: contextSchema.optional(),
    seed: z
      .boolean()
      .optional()
      .describe("a NoCloud disk too; by default where there is no context"),
    cpus: z.int().min(1).max(255).optional().describe("the machine's unless given"),
    memory: memorySize.optional().describe("the machine's unless given"),
    timeout: duration
      .default(LOGIN_MS)
      .describe('how long the guest may take to let us in; "10m" by default'),
  })
  .describe("how the image is booted");

const endpointSchema = z
  .strictObject({
    scheme: z.enum(["https", "http"]).default("https").describe("https by default"),
    port: port.optional().describe("in the guest; the scheme's own unless given"),
    insecure: z
      .boolean()
      .default(false)
      .describe("take any certificate of the booted image, such as a self-signed one"),
    ca: z.string().optional().describe("a file of certificates that are trusted, in PEM"),
    serverName: z.string().optional().describe("the name that the certificate must be for"),
  })
  .describe("where HTTP checks go");

const credentialsSchema = z
  .strictObject({
    user: z.string().default("").describe("for basic authentication"),
    password: z.string().optional().describe("where no context variable sets it"),
    passwordContext: z
      .string()
      .regex(CONTEXT_NAME, "not a name for a context variable")
      .optional()
      .describe("the context variable that sets the password; it gets a random one"),
    token: z.string().optional().describe("for bearer authentication; the password unless given"),
    tokenContext: z
      .string()
      .regex(CONTEXT_NAME, "not a name for a context variable")
      .optional()
      .describe("the context variable that sets the token; it gets a random one"),
  })
  .describe("what HTTP checks authenticate with");

const roundSchema = z
  .strictObject({
    name: z.string().min(1).max(120).describe("as the report names it: after a reboot"),
    context: contextSchema.optional(),
    newCredentials: z
      .boolean()
      .default(false)
      .describe("new random values for passwordContext and tokenContext"),
    checks: checkList.default([]).describe("further checks, of this round alone"),
  })
  .describe("the guest is switched off, started again on the same disk, and checked again");

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
    title: z.string().optional().describe("stands over the report"),
    boot: bootSchema.prefault({}),
    endpoint: endpointSchema.prefault({}),
    credentials: credentialsSchema.prefault({}),
    checks: checkList.min(1).describe("what must hold, in order"),
    rounds: z.array(roundSchema).default([]).describe("all checks once more, after a restart"),
  })
  .superRefine((section, context) => {
    const seen = new Set<string>();
    for (const { check, path, round } of placedChecks(section)) {
      const names = round < 0 ? [check.name] : [`${round}/${check.name}`, check.name];
      if (names.some((name) => seen.has(name))) {
        const message = `another check is already called "${check.name}"`;
        context.addIssue({ code: "custom", path: [...path, "name"], message });
      }
      seen.add(names[0] ?? "");
      if (!("http" in check)) continue;
      if (check.body !== undefined && check.json !== undefined) {
        const message = "a request has body or json, not both";
        context.addIssue({ code: "custom", path: [...path, "json"], message });
      }
      const { auth } = check;
      const user = typeof auth === "string" ? undefined : auth.user;
      if (schemeOf(check) === "basic" && (user ?? section.credentials.user) === "") {
        const message = "basic authentication needs credentials.user";
        context.addIssue({ code: "custom", path: [...path, "auth"], message });
      }
    }
  })
  .describe("what `vmbuild test` and `vmbuild verify` check");

/** Section after defaults and units. Durations are milliseconds. */
export type Acceptance = z.infer<typeof acceptanceSchema>;
