/** What resolving an input is given, and what comes of it. */
import type { Emit } from "../events/types.js";
import { hostPaths } from "../host/paths.js";
import { systemClock } from "./clock.js";
import type { Clock } from "./clock.js";

/** How patient downloads are. Times are milliseconds. */
export interface NetworkLimits {
  /** Until the answer's header is there: name lookup, connection, proxy and waiting included. */
  readonly headersTimeoutMs: number;
  /** Without a single byte, once the body has begun. */
  readonly idleTimeoutMs: number;
  /** Attempts in a row at one address that bring nothing new. */
  readonly attempts: number;
}

/** The limits of an ordinary run. */
const NETWORK_LIMITS: NetworkLimits = {
  headersTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  attempts: 5,
};

/** What {@link resolveInput} is given to work with. */
export interface InputContext {
  readonly emit: Emit;
  /** Its reason is a VmbuildError. */
  readonly signal: AbortSignal;
  /** Use what is cached as it is, and touch no network. */
  readonly offline: boolean;
  /** Absolute; `hostPaths().inputs` otherwise. */
  readonly cacheFolder?: string;
  readonly clock?: Clock;
  readonly limits?: Partial<NetworkLimits>;
}

/** An {@link InputContext} with its defaults filled in, for the rooms inside. */
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
