/** Defines the options that the actions `script` and `run` share. */
import { z } from "zod";
import { guestPath } from "../fields.js";

/** Exit code that a script has where it succeeds, unless the template says otherwise. */
const DEFAULT_EXIT_CODES: readonly number[] = [0];

const QUOTES = /["'`\\]/;

/** Program that reads a script, with its arguments. Parsed to a list. */
const interpreter = z
  .union([z.string(), z.array(z.string().min(1)).min(1)])
  .transform((value, context) => {
    const words = typeof value === "string" ? value.trim().split(/\s+/) : value;
    const message =
      typeof value === "string" && QUOTES.test(value)
        ? 'a text is split at its spaces, and quotes have no meaning in it; use a list, such as ["/bin/sh", "-e"]'
        : /^(-|$)/.test(words[0] ?? "")
          ? "the first word must be a program, such as /bin/bash or python3"
          : words.some((word) => word.includes("\0"))
            ? "an argument has no NUL byte"
            : undefined;
    if (message === undefined) return words;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

/** Fields of `script` and `run`. None of them has a default value, so that old checkpoints hold. */
export const scriptOptions = {
  interpreter: interpreter
    .optional()
    .describe(
      'program of the guest that reads the script: a path or a name, with arguments, such as "/bin/sh -eu" or "python3"',
    ),
  cwd: guestPath
    .refine((path) => !path.includes("\0"), "a path has no NUL byte")
    .optional()
    .describe(
      "working directory in the guest; if omitted, the home directory of the user that runs the script",
    ),
  user: z
    .string()
    .regex(/^[^\s:/\-\0][^\s:/\0]*$/, "is not a valid name for a user")
    .optional()
    .meta({ default: "root" })
    .describe("user of the guest that runs the script, with that user's groups, HOME and SHELL"),
  exitCodes: z
    .array(z.int().min(0).max(255))
    .min(1)
    .optional()
    .meta({ default: DEFAULT_EXIT_CODES })
    .describe("exit codes with which the script succeeds"),
  expectReboot: z
    .union([z.boolean(), z.literal("maybe")], { error: 'is true, false or "maybe"' })
    .optional()
    .meta({ default: false })
    .describe(
      'true: the script restarts the guest by itself; the action ends when the guest answers after its restart, and fails if it does not restart. "maybe": it may do so; a guest that neither restarts nor is about to goes on',
    ),
};

/** Values of the shared options. */
export interface ScriptOptions {
  readonly interpreter?: readonly string[] | undefined;
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
  readonly exitCodes?: readonly number[] | undefined;
  readonly expectReboot?: boolean | "maybe" | undefined;
}

/** Returns whether a script with this exit code has succeeded. */
export function isAccepted(
  exitCode: number | null,
  { exitCodes = DEFAULT_EXIT_CODES }: Pick<ScriptOptions, "exitCodes">,
): boolean {
  return exitCode !== null && exitCodes.includes(exitCode);
}

/** Describes options in parentheses, for an action's summary; empty where there are none. */
export function describeOptions(options: ScriptOptions): string {
  const { interpreter: words, cwd, user, exitCodes, expectReboot } = options;
  const parts = [
    ...(words === undefined ? [] : [`with ${words.join(" ")}`]),
    ...(user === undefined ? [] : [`as ${user}`]),
    ...(cwd === undefined ? [] : [`in ${cwd}`]),
    ...(exitCodes === undefined ? [] : [`exit codes ${exitCodes.join(", ")}`]),
    ...(expectReboot === true ? ["restarts the guest"] : []),
    ...(expectReboot === "maybe" ? ["may restart the guest"] : []),
  ];
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}
