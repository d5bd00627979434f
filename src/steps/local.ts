import { z } from "zod";
import { commands } from "../fields.js";
import { runProgram } from "../host/programs.js";
import { Tail } from "../host/lines.js";
import { defineAction } from "./action.js";
import { summarizeCommands } from "./run.js";
import { commandError } from "./run-in-guest.js";

const schema = z
  .strictObject({
    local: commands,
    cache: z
      .boolean()
      .default(false)
      .describe("true: a run that skips this step skips the commands too; false: it runs them"),
  })
  .describe(
    "runs commands on the host, in the template's folder, as one bash script with `set -eo pipefail` and empty standard input",
  );

/**
 * Reads the whole script from standard input, so that it does not appear in an argument list, and
 * runs it with empty standard input: a command that reads input must not consume the rest of the
 * script.
 */
const READ_AND_RUN = 'eval "$(cat)" </dev/null';

/** Runs commands on the host. */
export const local = defineAction<z.infer<typeof schema>>({
  name: "local",
  summary:
    "Runs commands on the host, in the template's folder, as one script with empty standard input. Files that it writes to the folder in VMBUILD_OUTPUT appear in the output folder together with the image. The action ends when the script exits; output of its background processes is read until none arrives for 1 second, for at most 15 seconds.",
  example: '{ "local": "make -C ../../site dist" }',
  schema,
  describe: (action) => summarizeCommands(action.local),
  runsOn: "host",
  programs: () => ["bash"],
  shellKeys: ["local"],
  shellTexts: ({ local }) => [
    { key: ["local"], text: local.join("\n"), parts: local, interpreter: ["/bin/bash"] },
  ],
  rerunsWhenRestored: ({ cache }) => !cache,
  async run(action, context) {
    const tail = new Tail();
    const deadline = AbortSignal.timeout(context.timeoutMs);
    const what = `local: ${summarizeCommands(action.local)}`;
    try {
      const result = await runProgram("bash", ["-eo", "pipefail", "-c", READ_AND_RUN], {
        input: `${action.local.join("\n")}\n`,
        cwd: context.templateFolder,
        env: { ...context.environment, VMBUILD_OUTPUT: context.outputFolder },
        signal: AbortSignal.any([context.signal, deadline]),
        processGroup: true,
        onLine: (line, stream) => {
          tail.push(line);
          context.onLine(line, stream, "local");
        },
      });
      if (result.exitCode === 0) return;
      const signal = result.signal?.replace(/^SIG/, "") ?? null;
      const end = { exitCode: result.exitCode, signal, timedOut: false };
      throw commandError(what, end, context.timeoutMs, tail.lines);
    } catch (error) {
      context.signal.throwIfAborted();
      if (!deadline.aborted) throw error;
      const end = { exitCode: null, signal: null, timedOut: true };
      throw commandError(what, end, context.timeoutMs, tail.lines);
    }
  },
});
