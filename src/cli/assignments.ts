/** Parses options of the form `NAME=VALUE`. */
import { VmbuildError } from "../errors.js";

/**
 * Converts `NAME=VALUE` options to pairs, in their order.
 * @throws {VmbuildError} USAGE for an option without a name or without `=`.
 */
export function parseAssignments(
  flag: string,
  pairs: readonly string[] = [],
): [name: string, value: string][] {
  return pairs.map((pair) => {
    const at = pair.indexOf("=");
    if (at < 1) throw new VmbuildError("USAGE", `${flag} ${pair}: use NAME=VALUE`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
}
