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
  .describe("a regular expression (JavaScript's) that some part must fit");

/** Schema of an expected value. */
export const valueSchema = z
  .union([
    z.string().describe("this very text"),
    z.number().describe("this very number"),
    z.boolean().describe("this very value"),
    z
      .strictObject({
        type: z
          .enum(["string", "number", "boolean", "object", "array", "null"])
          .optional()
          .describe("the kind of value"),
        matches: pattern.optional(),
        notEmpty: z.boolean().optional().describe("no empty text, list or object"),
        atLeast: z.number().optional().describe("the smallest number, or the shortest list"),
        atMost: z.number().optional().describe("the largest number, or the longest list"),
        exists: z.boolean().optional().describe("false: nothing may be there"),
      })
      .describe("any value that fits all of these"),
  ])
  .describe("what one of the values at that path must be");

/** Expectation for a JSON value. */
export type ExpectedValue = z.infer<typeof valueSchema>;
