/** Defines the options of the commands that start a finished image: `boot` and `test`. */
import { Command } from "@commander-js/extra-typings";
import type { OptionValues } from "@commander-js/extra-typings";
import { collect } from "../options.js";
import { addGroup } from "./option-group.js";

const bootOptions = () =>
  new Command()
    .option(
      "--context <key=value>",
      "add a variable to the OpenNebula CONTEXT disk (repeatable); KEY alone takes its value from the environment",
      collect,
    )
    .option("--seed", "attach a NoCloud disk; the default where there is no CONTEXT disk")
    .option("--output <dir>", "look for the image in this folder, not in the template's");

type BootOptions = ReturnType<ReturnType<typeof bootOptions>["opts"]>;

/** Adds the options for the image and for the disks that configure its guest. */
export function addBootOptions<A extends unknown[], O extends OptionValues>(
  command: Command<A, O>,
): Command<A, O & BootOptions> {
  return addGroup(command, bootOptions());
}
