/** Defines the expectation for a JSON value or a text. */
import { z } from "zod";

/** Regular expression, which is validated when the template is loaded. */
export const pattern = z
  .string()
  .superRefine((text, context) => {
    try {
      RegExp(text, "u");
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      context.addIssue({ code: "custom", message });
    }
  })
  .describe("regular expression (JavaScript syntax) that must match some part");

/** Schema of an expected value. */
export const valueSchema = z
  .union([
    z.string().describe("exact match"),
    z.number().describe("exact match"),
    z.boolean().describe("exact match"),
    z
      .strictObject({
        type: z
          .enum(["string", "number", "boolean", "object", "array", "null"])
          .optional()
          .describe("JSON type"),
        matches: pattern.optional(),
        notEmpty: z.boolean().optional().describe("must not be an empty string, list or object"),
        atLeast: z.number().optional().describe("minimum number, or minimum length of a list"),
        atMost: z.number().optional().describe("maximum number, or maximum length of a list"),
        exists: z.boolean().optional().describe("false: no value may exist at the path"),
      })
      .describe("conditions that must all be met"),
  ])
  .describe("expected value; at least one of the values at the path must match");

/** Expectation for a JSON value. */
export type ExpectedValue = z.infer<typeof valueSchema>;
