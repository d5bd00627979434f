/** Runs checks in order, repeats those that may succeed later, and collects the results. */
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Check } from "./check-schema.js";
import { checkCommand, checkSystem } from "./guest-checks.js";
import type { GuestTarget } from "./guest-checks.js";
import { checkHttp } from "./http.js";
import type { HttpTarget } from "./http.js";
import { permanentFailure } from "./outcome.js";
import type { Outcome } from "./outcome.js";

/** Result of one check. Durations are milliseconds. */
export interface CheckResult {
  readonly name: string;
  /** Kind of the check in a template; `installer` for the starts of a stick. */
  readonly kind: "http" | "run" | "system" | "installer";
  readonly ok: boolean;
  readonly durationMs: number;
  readonly attempts: number;
  /** Measured value. */
  readonly detail?: string;
  /** Reason of a failure. */
  readonly reason?: string;
  /** Output of a server or a program about the failure. */
  readonly lines?: readonly string[];
}

/** Targets of checks. */
export interface CheckTargets {
  readonly http: HttpTarget;
  /** Absent for an instance that is reached over HTTP only. */
  readonly guest?: GuestTarget | undefined;
}

/** Options of a run of checks. */
export interface CheckRun {
  readonly targets: CheckTargets;
  /** Start of the guest, from which `within` counts (`performance.now()`). */
  readonly startedAt: number;
  /** Upper limit of every `within`. Milliseconds. */
  readonly maxWaitMs?: number;
  /** Returns the reason why waiting longer is useless; undefined while it is not. */
  readonly hopelessReason?: () => Promise<string | undefined>;
  /** Name of the round in events; absent for the first. */
  readonly round?: string | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Called with each result. */
  readonly onResult: (result: CheckResult) => void;
}

const PAUSE_MS = 1000;

/** Returns a check's kind, which is the key that identifies it. */
export function kindOf(check: Check): Exclude<CheckResult["kind"], "installer"> {
  if ("http" in check) return "http";
  return "run" in check ? "run" : "system";
}

function attempt(check: Check, { targets, signal }: CheckRun): Promise<Outcome> {
  if ("http" in check) return checkHttp(check, targets.http, signal);
  if (!targets.guest)
    return Promise.resolve(permanentFailure("the guest cannot be reached over SSH"));
  return "run" in check
    ? checkCommand(check, targets.guest, signal)
    : checkSystem(check, targets.guest, signal);
}

/** Runs one check to its end, with its attempts. */
async function runCheck(check: Check, run: CheckRun): Promise<CheckResult> {
  const started = performance.now();
  const limit = "within" in check ? Math.min(check.within, run.maxWaitMs ?? Infinity) : 0;
  for (let attempts = 1; ; attempts++) {
    const outcome = await attempt(check, run).catch((error: unknown) => {
      run.signal.throwIfAborted();
      // A check that could not be run has failed.
      return permanentFailure(`the check could not be run: ${messageOf(error)}`);
    });
    const durationMs = performance.now() - started;
    const known = { name: check.name, kind: kindOf(check), durationMs, attempts };
    if (outcome.ok) {
      const { detail } = outcome;
      return { ...known, ok: true, ...(detail === undefined ? {} : { detail }) };
    }
    const isLate = performance.now() + PAUSE_MS - run.startedAt > limit;
    const hopeless = await run.hopelessReason?.();
    if (outcome.isFinal || isLate || hopeless !== undefined) {
      const { reason, lines } = outcome;
      const why = hopeless === undefined ? reason : `${reason} (${hopeless})`;
      return { ...known, ok: false, reason: why, lines };
    }
    await delay(PAUSE_MS, undefined, { signal: run.signal }).catch(() => {
      run.signal.throwIfAborted();
    });
  }
}

/** Emits a result and passes it to the caller. */
export function reportResult(
  result: CheckResult,
  { emit, round, onResult }: Pick<CheckRun, "emit" | "round" | "onResult">,
): void {
  const { name, ok, durationMs, reason } = result;
  emit({
    type: "check.finished",
    check: name,
    ok,
    durationMs,
    ...(round === undefined ? {} : { round }),
    ...(reason === undefined ? {} : { reason }),
  });
  onResult(result);
}

/**
 * Runs checks one after the other. A failed check does not end the run.
 * @throws only the signal's reason.
 */
export async function runChecks(checks: readonly Check[], run: CheckRun): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    const result = await runCheck(check, run);
    reportResult(result, run);
    results.push(result);
  }
  return results;
}
