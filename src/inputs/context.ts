/** Defines the context in which inputs are resolved. */
import type { Dispatcher } from "undici";
import type { Emit } from "../events/types.js";
import { hostPaths } from "../host/paths.js";
import { systemClock } from "./clock.js";
import type { Clock } from "./clock.js";

/** Time limits and retries of downloads. Times are milliseconds. */
export interface NetworkLimits {
  /** Limit until the response headers arrive, including name lookup, connection and proxy. */
  readonly headersTimeoutMs: number;
  /** Limit without any received byte, once the body has begun. */
  readonly idleTimeoutMs: number;
  /** Number of consecutive attempts at one address without new data. */
  readonly attempts: number;
}

/** Parts of one request besides what is requested. */
export interface Network {
  readonly agent: Dispatcher;
  readonly limits: NetworkLimits;
  readonly signal: AbortSignal;
}

/** Limits of an ordinary run. */
const NETWORK_LIMITS: NetworkLimits = {
  headersTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  attempts: 5,
};

/** Context of {@link resolveInput}. */
export interface InputContext {
  readonly emit: Emit;
  /** Aborts with a VmbuildError as its reason. */
  readonly signal: AbortSignal;
  /** Uses the cache as it is and makes no network requests. */
  readonly offline: boolean;
  /** Absolute path; `hostPaths().inputs` by default. */
  readonly cacheFolder?: string;
  readonly clock?: Clock;
  readonly limits?: Partial<NetworkLimits>;
}

/** An {@link InputContext} with its defaults filled in. */
export interface FullContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly offline: boolean;
  readonly cacheFolder: string;
  readonly clock: Clock;
  readonly limits: NetworkLimits;
}

/** Fills in the defaults. */
export function fillContext(context: InputContext): FullContext {
  return {
    emit: context.emit,
    signal: context.signal,
    offline: context.offline,
    cacheFolder: context.cacheFolder ?? hostPaths().inputs,
    clock: context.clock ?? systemClock,
    limits: { ...NETWORK_LIMITS, ...context.limits },
  };
}
