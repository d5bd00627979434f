/** Converts errors of the S3 client to failures that say whether a retry may help. */
import { AddressFailure, asAddressFailure } from "../../inputs/failure.js";
import type { FullContext } from "../../inputs/context.js";
import { messageOf } from "../../errors.js";

const HINTS: Readonly<Record<string, string>> = {
  CredentialsProviderError:
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, as for Amazon's own tools.",
  AccessDenied: "The credentials need the rights to list, read, write and delete these objects.",
  InvalidAccessKeyId: "Check AWS_ACCESS_KEY_ID.",
  SignatureDoesNotMatch: "Check AWS_SECRET_ACCESS_KEY.",
  NoSuchBucket: "Create the bucket first, or correct --store.",
  PermanentRedirect: "Set AWS_REGION to the region of the bucket.",
};

function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("$metadata" in error)) return undefined;
  const { httpStatusCode } = error.$metadata as { readonly httpStatusCode?: number };
  return httpStatusCode;
}

/** Returns an error of the client as an {@link AddressFailure} with the status of the response. */
export function s3Failure(error: unknown, { limits }: FullContext): AddressFailure {
  if (error instanceof AddressFailure) return error;
  const name = error instanceof Error ? error.name : "";
  const status = statusOf(error);
  const hint = HINTS[name];
  if (status === undefined && hint === undefined) return asAddressFailure(error, limits);
  const code = name === "" || name === "Error" ? "" : ` ${name}`;
  const answer = status === undefined ? "" : `the server answered ${status}${code}: `;
  return new AddressFailure(`${answer}${messageOf(error)}`, {
    retryable: status !== undefined && (status === 429 || (status >= 500 && status !== 501)),
    ...{ status, hint, cause: error },
  });
}
