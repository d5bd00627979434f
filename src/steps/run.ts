import { z } from "zod";
import { commands } from "../fields.js";
import { defineAction } from "./action.js";
import { runInGuest } from "./run-in-guest.js";
import { describeOptions, scriptOptions } from "./script-options.js";

const SHELLS = ["sh", "bash"] as const;
const DEFAULT_SHELL = "sh";

const PREAMBLE = { sh: "set -e\n", bash: "set -eo pipefail\n" } as const;

const schema = z
  .strictObject({
    run: commands,
    shell: z
      .enum(SHELLS)
      .optional()
      .meta({ default: DEFAULT_SHELL })
      .describe(
        "shell that runs the commands, with `set -e` (bash also with `-o pipefail`). Exclusive with `interpreter`",
      ),
    ...scriptOptions,
    interpreter: scriptOptions.interpreter.describe(
      'program of the guest that reads the commands in place of a shell, with arguments, such as "python3"; nothing is added to the commands. Exclusive with `shell`',
    ),
  })
  .superRefine(({ shell, interpreter }, context) => {
    if (shell === undefined || interpreter === undefined) return;
    const message = 'the commands have either "shell" or "interpreter", not both';
    context.addIssue({ code: "custom", path: ["interpreter"], message });
  })
  .overwrite((action) =>
    action.interpreter === undefined ? { ...action, shell: action.shell ?? DEFAULT_SHELL } : action,
  )
  .describe(
    "runs commands in the guest; the first that fails ends the step. `set -e` ignores a failing " +
      "`! command`: put such commands under verify",
  );

type Run = z.infer<typeof schema>;

/** Summarizes a list of commands in one line. */
export function summarizeCommands(list: readonly string[]): string {
  const first = list[0]?.trim().split("\n")[0] ?? "";
  return list.length > 1 ? `${first} (and ${list.length - 1} more)` : first;
}

/** Returns the program that reads the commands, and what is put before them. */
function readerOf({ shell = DEFAULT_SHELL, interpreter }: Run) {
  if (interpreter !== undefined) return { interpreter, preamble: "" };
  return { interpreter: [`/bin/${shell}`], preamble: PREAMBLE[shell] };
}

/** Runs commands in the guest. */
export const run = defineAction<Run>({
  name: "run",
  summary: "Runs commands in the guest as one script; the first that fails ends the step.",
  example: '{ "run": ["apt-get update", "apt-get install -y jq"] }',
  schema,
  describe: (action) => summarizeCommands(action.run) + describeOptions(action),
  shellKeys: ["run"],
  shellTexts: (action) => [
    {
      key: ["run"],
      text: action.run.join("\n"),
      parts: action.run,
      interpreter: readerOf(action).interpreter,
    },
  ],
  run(action, context) {
    const { interpreter, preamble } = readerOf(action);
    return runInGuest(context, {
      ...action,
      what: summarizeCommands(action.run),
      content: `${preamble}${action.run.join("\n")}\n`,
      interpreter,
    });
  },
});
