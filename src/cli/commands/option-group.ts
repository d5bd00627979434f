/** Adds groups of options that several commands share. */
import type { Command, OptionValues } from "@commander-js/extra-typings";

/**
 * Adds a group of options to a command.
 * @param group a command that only carries the options. The types of their values are inferred
 *   from it, so the assertion here is correct by construction.
 */
export function addGroup<A extends unknown[], O extends OptionValues, G extends OptionValues>(
  command: Command<A, O>,
  group: Command<[], G>,
): Command<A, O & G> {
  for (const option of group.options) command.addOption(option);
  return command as unknown as Command<A, O & G>;
}
