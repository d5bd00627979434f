/** Converts failures of stores to VmbuildErrors. */
import { VmbuildError, messageOf } from "../errors.js";
import type { FullContext } from "../inputs/context.js";
import { AddressFailure } from "../inputs/failure.js";
import { retrying } from "../inputs/retry.js";

/**
 * Returns a VmbuildError unchanged; converts other errors to RELEASE_FAILED.
 * @param doing what failed, such as `Cannot upload demo.qcow2 to github:owner/images`.
 */
export function releaseError(doing: string, error: unknown): VmbuildError {
  if (error instanceof VmbuildError) return error;
  const hint = error instanceof AddressFailure ? error.hint : undefined;
  const status = error instanceof AddressFailure ? error.status : undefined;
  return new VmbuildError("RELEASE_FAILED", `${doing}: ${messageOf(error)}`, {
    cause: error,
    hint,
    details: status === undefined ? {} : { status },
  });
}

/** Request to a store. */
export interface StoreRequest<T> {
  /** What fails without it, such as `Cannot list the assets of github:owner/images`. */
  readonly doing: string;
  readonly attempt: () => Promise<T>;
}

/**
 * Tries a request until it succeeds, or its failure cannot pass.
 * @throws {VmbuildError} RELEASE_FAILED; the reason of the signal.
 */
export async function requesting<T>(
  { doing, attempt }: StoreRequest<T>,
  context: FullContext,
): Promise<T> {
  try {
    return await retrying({ label: doing, attempt }, context);
  } catch (error) {
    context.signal.throwIfAborted();
    throw releaseError(doing, error);
  }
}
