/** Defines the `marketplace` command. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions, collect } from "../options.js";
import type { DefineCommand } from "./define.js";

export const marketplace: DefineCommand = (setExitCode) => {
  const command = new Command("marketplace")
    .description("write an appliance's entry for OpenNebula's marketplace")
    .argument("[template]", "the template of the image")
    .option("--url <url>", "the image's public address; a folder's ends in /")
    .option("--uuid [uuid]", "name the entry by this UUID, or by a new one")
    .option("--output <file>", "write the entry to this file, not beside the image")
    .option("--image <dir>", "look for the image in this folder, not in the template's")
    .option("--entry-only", "do not write metadata.yaml, context.yaml and tests.yaml beside it")
    .option("--check <path>", "only check an entry, or all in a folder (repeatable)", collect)
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(addTemplateOptions(command))
    .addHelpText(
      "after",
      `
Reads the marketplace.yaml beside the template, fills in the image's address, checksums, virtual
size, time and version, and checks the result. Comments and order are kept; marketplace.yaml
itself is not changed. Beside the entry it writes metadata.yaml, context.yaml and tests.yaml, from
which the community's repository runs its tests.

Examples:
  vmbuild marketplace slm-copilot --url https://images.example.org/
  vmbuild marketplace slm-copilot --url https://images.example.org/ --uuid
  vmbuild marketplace --check marketplace-community/appliances`,
    )
    .action(async (name, flags) => {
      const work = await import("../marketplace.js");
      setExitCode(await work.marketplace(name, flags));
    });
};
