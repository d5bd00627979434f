/** Reads secrets for options such as `--password-env`. */
import { VmbuildError } from "../errors.js";

/**
 * Reads a secret from the environment, so that it does not appear in an argument list.
 * @returns undefined where no variable is named.
 * @throws {VmbuildError} USAGE when the variable is not set, or empty.
 */
export function secretFromEnvironment(flag: string, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const value = process.env[name];
  if (value !== undefined && value !== "") return value;
  throw new VmbuildError("USAGE", `${flag}: the environment variable ${name} is not set`);
}
