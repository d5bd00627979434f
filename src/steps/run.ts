import { z } from "zod";
import { commands } from "../fields.js";
import { defineAction } from "./action.js";
import { runInGuest } from "./run-in-guest.js";

const schema = z
  .strictObject({
    run: commands,
    shell: z
      .enum(["sh", "bash"])
      .default("sh")
      .describe("shell that runs the commands, with `set -e` (bash also with `-o pipefail`)"),
  })
  .describe(
    "runs commands in the guest; the first that fails ends the step. `set -e` ignores a failing " +
      "`! command`: put such commands under verify",
  );

const PREAMBLE = { sh: "set -e\n", bash: "set -eo pipefail\n" } as const;

/** Summarizes a list of commands in one line. */
export function summarizeCommands(list: readonly string[]): string {
  const first = list[0]?.trim().split("\n")[0] ?? "";
  return list.length > 1 ? `${first} (and ${list.length - 1} more)` : first;
}

/** Runs commands in the guest. */
export const run = defineAction<z.infer<typeof schema>>({
  name: "run",
  summary: "Runs commands in the guest as one script; the first that fails ends the step.",
  example: '{ "run": ["apt-get update", "apt-get install -y jq"] }',
  schema,
  describe: (action) => summarizeCommands(action.run),
  shellKeys: ["run"],
  shellTexts: ({ run, shell }) => [
    { key: ["run"], text: run.join("\n"), parts: run, shell: `/bin/${shell}` },
  ],
  run: (action, context) =>
    runInGuest(context, {
      what: summarizeCommands(action.run),
      content: `${PREAMBLE[action.shell]}${action.run.join("\n")}\n`,
      interpreter: [`/bin/${action.shell}`],
    }),
});
