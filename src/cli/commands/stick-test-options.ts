/** Defines the options with which `test` tests an installer stick. */
import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import type { OptionValues } from "@commander-js/extra-typings";
import { STICK_FIRMWARES, TARGET_BUSES } from "../../stick/test/matrix.js";
import { addGroup } from "./option-group.js";

/** Returns a parser of a repeatable option with fixed values. */
const choice =
  <T extends string>(choices: readonly T[]) =>
  (value: string, previous: readonly T[] = []): readonly T[] => {
    const found = choices.find((one) => one === value);
    if (found !== undefined) return [...previous, found];
    throw new InvalidArgumentError(`Allowed choices are ${choices.join(", ")}.`);
  };

const stickTestOptions = () =>
  new Command()
    .option("--installer [file]", "test the installer stick of the template, or this image of one")
    .option(
      "--firmware <kind>",
      `with --installer: start the stick by ${STICK_FIRMWARES.join(", ")} (repeatable)`,
      choice(STICK_FIRMWARES),
    )
    .option(
      "--target <bus>",
      `with --installer: install on an empty disk on ${TARGET_BUSES.join(", ")} (repeatable)`,
      choice(TARGET_BUSES),
    )
    .option("--target-size <size>", "with --installer: set the size of the empty disk; 64G")
    .option("--again", "with --installer: check that the stick does not install again")
    .option("--prompt <text>", "with --installer: wait for this text of the installed system")
    .option("--timeout <time>", "with --installer: set the time limit of each start; 30m")
    .option("--logs <dir>", "with --installer: keep all consoles and screens in this folder");

/** Values of the options that {@link addStickTestOptions} adds. */
export type StickTestOptions = Readonly<ReturnType<ReturnType<typeof stickTestOptions>["opts"]>>;

/** Adds the options for the test of a stick. */
export function addStickTestOptions<A extends unknown[], O extends OptionValues>(
  command: Command<A, O>,
): Command<A, O & StickTestOptions> {
  return addGroup(command, stickTestOptions());
}
