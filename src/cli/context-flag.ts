/** Parses `--context`: variables for an OpenNebula CONTEXT disk. */
import { VmbuildError } from "../errors.js";
import type { ContextVariables } from "../seed/context.js";

/**
 * Parses `KEY=VALUE`, or `KEY` alone, which takes the value from the environment, so that a
 * password does not appear in an argument list.
 * @returns undefined when the flag was not given.
 * @throws {VmbuildError} USAGE for a variable that the environment does not have.
 */
export function parseContext(
  flags: readonly string[] | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): ContextVariables | undefined {
  if (flags === undefined) return undefined;
  const pairs = flags.map((text): [string, string] => {
    const at = text.indexOf("=");
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
    const value = at === 0 ? undefined : environment[text];
    if (value !== undefined) return [text, value];
    throw new VmbuildError("USAGE", `--context ${text}: write KEY=VALUE`, {
      hint: "A bare KEY takes its value from the environment.",
    });
  });
  return Object.fromEntries(pairs);
}
