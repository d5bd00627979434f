/** Defines the work of one call of `vmbuild create`, and its result. */
import type { VmbuildError } from "../errors.js";
import type { Profile } from "../profiles/load.js";
import type { CreateRequest } from "../profiles/request.js";
import type { TemplateFlags } from "./options.js";
import type { Output } from "./output.js";

/** Work of one call. */
export interface CreateJob {
  readonly request: CreateRequest;
  readonly profile: Profile;
  readonly flags: TemplateFlags;
  readonly output: Output;
  /** Aborts on SIGTERM and Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Fields of the result; which of them there are depends on the mode. */
export type CreateFields = Readonly<Record<string, unknown>>;

/** Result of the work of a mode. */
export interface CreateResult {
  readonly fields: CreateFields;
  /** Error of a run that began and failed. */
  readonly error?: VmbuildError | undefined;
}
