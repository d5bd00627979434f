/** Defines the `outdated` command. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions, collect } from "../options.js";
import type { DefineCommand } from "./define.js";

export const outdated: DefineCommand = (setExitCode) => {
  const command = new Command("outdated")
    .description("check for newer versions of what images were built from")
    .argument("[template...]", "the templates of the images; all if omitted")
    .option("--all", "check every image that was built from a template under appliances/")
    .option("--image <dir>", "look for the image's manifest in this folder, not in the template's")
    .option(
      "--apt-source <line>",
      "compare packages with this source, as in sources.list, not with the image's (repeatable)",
      collect,
    )
    .option(
      "--rpm-source <url>",
      "compare packages with this repository of rpm packages, not with the image's (repeatable)",
      collect,
    )
    .option(
      "--mirror <from=to>",
      "fetch lists of packages from another server (repeatable)",
      collect,
    )
    .option("--keyring <file>", "verify the signatures of lists of packages with these keys")
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(addTemplateOptions(command))
    .addHelpText(
      "after",
      `
The base and the inputs are compared by checksum files, validators of servers and git refs, and the
packages in packages.txt with today's lists of the guest's own repositories, of apt or of dnf, yum and
zypper. Nothing is built or stored. Only manifest.json and packages.txt of an image are needed, not the image.

The exit code is 0 when nothing has a newer version, 10 when something has, and that of the first
failure when something could not be asked for (4 without a network).

Examples:
  vmbuild outdated demo
  vmbuild outdated --all --json
  vmbuild outdated demo --mirror http://archive.example.org/debian=http://mirror.example.org/debian
  vmbuild outdated demo --apt-source 'deb http://archive.example.org/debian bookworm main'`,
    )
    .action(async (names, flags) => {
      const work = await import("../outdated.js");
      setExitCode(await work.outdated(names, flags));
    });
};
