/** Defines the option of the commands that work on other hosts too. */
import { Command } from "@commander-js/extra-typings";
import type { OptionValues } from "@commander-js/extra-typings";
import { addGroup } from "./option-group.js";

const onOption = () =>
  new Command().option("--on <host>", "work on another host: ssh://USER@HOST, or a context");

/** Value of the option. */
export type OnFlags = Readonly<ReturnType<ReturnType<typeof onOption>["opts"]>>;

/** Adds `--on`. */
export function addOnOption<A extends unknown[], O extends OptionValues>(
  command: Command<A, O>,
): Command<A, O & OnFlags> {
  return addGroup(command, onOption());
}
