/** Defines the `boot` command. */
import { Command, Option } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions, collect } from "../options.js";
import { addBootOptions } from "./boot-options.js";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const boot: DefineCommand = (setExitCode) => {
  const command = new Command("boot")
    .description("start a finished image on a throwaway overlay, to look inside")
    .argument("<template>", "the template of the image")
    .argument("[command...]", "a command to run there, after --; its exit code is passed on")
    .option("--ssh", "open a shell; without it, the console is shown until the machine stops")
    .option("--console <file>", "write the serial console to this file, not to the terminal")
    .option(
      "--forward <host:guest>",
      "forward a port of 127.0.0.1 to the guest (repeatable)",
      collect,
    )
    .addOption(new Option("--caller <socket>").hideHelp());
  return addOnOption(addOutputOptions(addTemplateOptions(addBootOptions(command))))
    .addHelpText(
      "after",
      `
The image is not changed. To log in, the image needs cloud-init, which takes a new key from a
NoCloud disk, or OpenNebula's one-context, which takes it from a CONTEXT disk. A CONTEXT disk also
gives the guest a fixed address and a host name; any of its variables can be set.

With --on, the image that a run has left there is started there; ports are those of this host. The
guest ends with this command, also when the connection is lost.

Examples:
  vmbuild boot demo                          show its console
  vmbuild boot demo --ssh                    open a shell
  vmbuild boot demo -- systemctl --failed    run one command
  vmbuild boot demo --forward 8080:80
  vmbuild boot slm-copilot --context ONEAPP_COPILOT_THREADS=2 --forward 8443:443
  vmbuild boot demo --on builder --forward 8080:80`,
    )
    .action(async (name, words, flags, self) => {
      const { hostFor } = await import("../../hosts/contexts.js");
      const address = await hostFor(flags.on);
      if (address !== undefined) {
        const elsewhere = await import("../boot-on.js");
        return setExitCode(await elsewhere.bootOn(address, [name, ...words], flags, self));
      }
      const work = await import("../boot.js");
      setExitCode(await work.boot(name, words, flags));
    });
};
