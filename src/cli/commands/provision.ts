/** Defines the `provision` command. */
import { Command, Option } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions, collect, parseCount } from "../options.js";
import type { DefineCommand } from "./define.js";

export const provision: DefineCommand = (setExitCode) => {
  const command = new Command("provision")
    .description("run a template's steps and checks on machines that exist, over SSH")
    .argument("<template>", "path of a template, or name under appliances/")
    .requiredOption(
      "--host <[user@]host[:port]>",
      "the machine: an address, or a Host of ssh_config (repeatable)",
      collect,
    )
    .option("--steps <names>", "run only these steps, separated by commas (repeatable)", collect)
    .addOption(
      new Option("--verify-only", "run the checks of the steps, but no actions").conflicts(
        "skipSatisfied",
      ),
    )
    .option("--skip-satisfied", "skip the actions of steps whose checks all succeed before")
    .option("--accept-new", "accept host keys that are not known, and add them to known_hosts")
    .option("--ssh-config <file>", "use this file in place of the configuration of ssh")
    .option("--password-env <name>", "take the login's password from this environment variable")
    .option("--wait <time>", "wait this long for machines that are starting", "0s")
    .option("--parallel <n>", "provision this many machines at the same time", parseCount, 1)
    .option("--offline", "use cached inputs without asking servers for newer ones")
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(addTemplateOptions(command))
    .addHelpText(
      "after",
      `
The user's ssh_config, agent, jump hosts and known_hosts apply (docs/provision.md). The logs of each
machine are those of a run: vmbuild logs TEMPLATE@HOST. With several machines, the exit code is the
highest of theirs.

Examples:
  vmbuild provision demo --host root@web1.example.org
  vmbuild provision demo --host web1 --host web2 --parallel 2 --skip-satisfied
  vmbuild provision demo --host admin@10.0.0.1:2222 --steps site,tls
  vmbuild provision demo --host web1 --verify-only --json`,
    )
    .action(async (name, flags) => {
      const work = await import("../provision.js");
      setExitCode(await work.provisionAll(name, flags));
    });
};
