import { resolve } from "node:path";
import { z } from "zod";
import { messageOf } from "../errors.js";
import { commands, hostFolder } from "../fields.js";
import type { Guest } from "../guest/guest.js";
import { sshEnvironment, writeSshFiles } from "../guest/ssh-files.js";
import { defineAction } from "./action.js";
import type { ActionContext } from "./action.js";
import { runHostScript } from "./host-script.js";
import { summarizeCommands } from "./run.js";

/** Beginning of the names of the variables that describe a login to the guest. */
const SSH_VARIABLES = "VMBUILD_SSH_";

/** Returns whether commands name a variable of the login to the guest. */
const usesSsh = (list: readonly string[]): boolean =>
  list.some((command) => command.includes(SSH_VARIABLES));

const schema = z
  .strictObject({
    local: commands,
    cwd: hostFolder,
    cache: z
      .boolean()
      .optional()
      .meta({ default: false })
      .describe(
        "true: a run that skips this step skips the commands too; false: it runs them, without a guest. " +
          `Commands that name a ${SSH_VARIABLES} variable work in the guest, and are skipped`,
      ),
  })
  .superRefine(({ local: list, cache }, context) => {
    if (cache !== false || !usesSsh(list)) return;
    const message =
      `commands that use the guest (${SSH_VARIABLES}…) cannot run again when their step is ` +
      'skipped, because no guest runs then; leave out "cache"';
    context.addIssue({ code: "custom", path: ["cache"], message });
  })
  .describe(
    "runs commands on the host as one bash script with `set -eo pipefail` and empty standard input",
  );

/**
 * Returns the variables of a login to the guest. Without a guest there are none; where the guest
 * accepts no key, only commands that name the variables fail.
 */
async function loginVariables(
  list: readonly string[],
  { guest, emit, signal }: ActionContext,
): Promise<Record<string, string>> {
  const running: Guest | undefined = guest;
  if (running === undefined) return {};
  try {
    return sshEnvironment(await writeSshFiles(running));
  } catch (error) {
    signal.throwIfAborted();
    if (usesSsh(list)) throw error;
    const message = `Local commands have no ${SSH_VARIABLES} variables: ${messageOf(error)}`;
    emit({ type: "note", message });
    return {};
  }
}

/** Runs commands on the host. */
export const local = defineAction<z.infer<typeof schema>>({
  name: "local",
  summary:
    "Runs commands on the host, in the folder of the template's file unless `cwd` is given, as one script with empty standard input. VMBUILD_SSH_HOST, VMBUILD_SSH_PORT, VMBUILD_SSH_USER, VMBUILD_SSH_KEY and VMBUILD_SSH_KNOWN_HOSTS describe a login to the guest. Files that it writes to the folder in VMBUILD_OUTPUT appear in the output folder together with the image. The action ends when the script exits; output of its background processes is read until none arrives for 1 second, for at most 15 seconds.",
  example: '{ "local": "make -C ../../site dist" }',
  schema,
  describe: (action) => summarizeCommands(action.local),
  runsOn: "host",
  programs: () => ["bash"],
  shellKeys: ["local"],
  shellTexts: ({ local }) => [
    { key: ["local"], text: local.join("\n"), parts: local, interpreter: ["/bin/bash"] },
  ],
  rerunsWhenRestored: ({ local: list, cache }) => cache !== true && !usesSsh(list),
  async run(action, context) {
    const login = await loginVariables(action.local, context);
    await runHostScript({
      what: `local: ${summarizeCommands(action.local)}`,
      commands: action.local,
      cwd: resolve(context.templateFolder, action.cwd ?? "."),
      environment: { ...context.environment, ...login, VMBUILD_OUTPUT: context.outputFolder },
      timeoutMs: context.timeoutMs,
      signal: context.signal,
      onLine: (line, stream) => context.onLine(line, stream, "local"),
      onState: (state, stream) => context.onState?.(state, stream, "local"),
    });
  },
});
