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
      .describe("true: a later run that keeps this step does not run it again"),
  })
  .describe(
    "runs commands on the host, in the template's folder, as one script with bash and `set -eo pipefail`; its standard input is empty",
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
    "Runs commands on the host, in the template's folder, as one script with empty standard input. VMBUILD_OUTPUT names the folder of files that appear with the artifact. The script's exit counts: output of processes that it leaves in the background is read until it has been silent for a second, for 15 seconds at most.",
  example: '{ "local": "make -C ../../site dist" }',
  schema,
  describe: (action) => summarizeCommands(action.local),
  runsOn: "host",
  programs: () => ["bash"],
  shellKeys: ["local"],
  shellTexts: ({ local }) => [
    { key: ["local"], text: local.join("\n"), parts: local, shell: "/bin/bash" },
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
