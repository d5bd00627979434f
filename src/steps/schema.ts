/** Defines the schema of a step: its actions, its checks, its time limit and its retries. */
import { z } from "zod";
import { duration, environment, identifier } from "../fields.js";
import { actionSchema } from "./registry.js";

/** Default time limit of an action: one hour, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 60 * 60_000;

/** Schema of a step. */
export const stepSchema = z
  .strictObject({
    name: identifier.describe("the step's name, in logs and for --break"),
    description: z.string().optional().describe("what the step is for"),
    actions: z.array(actionSchema).default([]).describe("what it does, in order"),
    environment: environment.default({}),
    timeout: duration
      .default(DEFAULT_TIMEOUT_MS)
      .describe('how long each of its actions may take; "1h" by default'),
    retries: z
      .int()
      .min(0)
      .max(20)
      .default(0)
      .describe("how many times a failed step is tried again, from its first action"),
    verify: z
      .array(z.string().min(1))
      .default([])
      .describe("commands in the guest that must succeed afterwards: the step's post-conditions"),
    cache: z
      .boolean()
      .default(true)
      .describe("false: this step and all after it run each time, and leave no checkpoints"),
  })
  .describe("a named group of actions, with its post-conditions");

/** Step after variables, defaults and units. Durations are milliseconds. */
export type Step = z.infer<typeof stepSchema>;
