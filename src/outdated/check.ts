/** Defines the checks of an image for newer versions, and runs them. */
import type { VmbuildError } from "../errors.js";
import { asVmbuildError } from "../errors.js";
import type { Freshness } from "../inputs/inputs.js";
import type { Upgrade } from "./upgrades.js";

/** Result of a check. `failed`: it could not be carried out. */
export interface Check extends Omit<Freshness, "state"> {
  /** `base`, `packages`, or `input NAME`. */
  readonly what: string;
  /** Address, path or name of what was asked for. */
  readonly origin?: string;
  readonly state: Freshness["state"] | "failed";
  /** Packages with newer versions. */
  readonly upgrades?: readonly Upgrade[];
  /** Error of a failed check. */
  readonly error?: VmbuildError;
}

/** Runs a check. A failure becomes its result, so that the other checks are carried out. */
export async function attempt(
  subject: Pick<Check, "what" | "origin">,
  signal: AbortSignal,
  work: () => Promise<Omit<Check, "what" | "origin">>,
): Promise<Check> {
  try {
    return { ...subject, ...(await work()) };
  } catch (thrown) {
    signal.throwIfAborted();
    const error = asVmbuildError(thrown);
    return { ...subject, state: "failed", reason: error.message, error };
  }
}
