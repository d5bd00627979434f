/** Defines the schema of a step: its actions, its checks, its time limit and its retries. */
import { z } from "zod";
import { durationOr, environment, identifier } from "../fields.js";
import { actionSchema } from "./registry.js";

/** Default time limit of an action: one hour, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 60 * 60_000;

/** Schema of a step. */
export const stepSchema = z
  .strictObject({
    name: identifier.describe("name of the step, for logs and for options such as --break"),
    description: z.string().optional().describe("purpose of the step"),
    skipIf: z
      .string()
      .min(1)
      .optional()
      .describe(
        "command in the guest; if it succeeds, the step's actions are skipped, and only its checks run",
      ),
    before: z
      .string()
      .optional()
      .describe("name of the step before which this one is placed, instead of at the end"),
    after: z
      .string()
      .optional()
      .describe("name of the step after which this one is placed, instead of at the end"),
    actions: z.array(actionSchema).prefault([]).describe("actions, in order"),
    environment: environment.prefault({}),
    timeout: durationOr(DEFAULT_TIMEOUT_MS).describe("time limit for each action of the step"),
    retries: z
      .int()
      .min(0)
      .max(20)
      .default(0)
      .describe("number of times that a failed step is repeated, from its first action"),
    verify: z
      .array(z.string().min(1))
      .default([])
      .describe("commands that must succeed in the guest after the actions: the step's checks"),
    cache: z
      .boolean()
      .default(true)
      .describe("false: this step and all later ones run every time, without checkpoints"),
  })
  .describe("named group of actions, with checks");

/** Step after variables, defaults and units. Durations are milliseconds. */
export type Step = z.infer<typeof stepSchema>;
