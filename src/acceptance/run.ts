/** Runs checks in order, tries again those that may become true, and keeps what came of each. */
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Check } from "./check-schema.js";
import { checkCommand, checkSystem } from "./guest-checks.js";
import type { GuestTarget } from "./guest-checks.js";
import { checkHttp } from "./http.js";
import type { HttpTarget } from "./http.js";
import { impossible } from "./outcome.js";
import type { Outcome } from "./outcome.js";

/** What came of one check. Durations are milliseconds. */
export interface CheckResult {
  readonly name: string;
  readonly kind: "http" | "run" | "system";
  readonly ok: boolean;
  readonly durationMs: number;
  readonly attempts: number;
  /** What was measured. */
  readonly detail?: string;
  /** Why it does not hold. */
  readonly reason?: string;
  /** What a server or a program said to it. */
  readonly lines?: readonly string[];
}

/** Where checks look. */
export interface CheckTargets {
  readonly http: HttpTarget;
  /** Absent for an instance that only answers over HTTP. */
  readonly guest?: GuestTarget | undefined;
}

/** How they are run. */
export interface CheckRun {
  readonly targets: CheckTargets;
  /** When the guest was started: `within` counts from there (`performance.now()`). */
  readonly startedAt: number;
  /** Bounds every `within`. Milliseconds. */
  readonly longestWait?: number;
  /** Says why waiting any longer is useless; undefined while it is not. */
  readonly whyHopeless?: () => Promise<string | undefined>;
  /** Names the round in events; absent for the first. */
  readonly round?: string | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Takes each result as it comes. */
  readonly onResult: (result: CheckResult) => void;
}

const PAUSE_MS = 1000;

/** A check's kind: its marking key. */
export function kindOf(check: Check): CheckResult["kind"] {
  if ("http" in check) return "http";
  return "run" in check ? "run" : "system";
}

function attempt(check: Check, { targets, signal }: CheckRun): Promise<Outcome> {
  if ("http" in check) return checkHttp(check, targets.http, signal);
  if (!targets.guest) return Promise.resolve(impossible("the guest cannot be reached over SSH"));
  return "run" in check
    ? checkCommand(check, targets.guest, signal)
    : checkSystem(check, targets.guest, signal);
}

/** One check to its end. */
async function runCheck(check: Check, run: CheckRun): Promise<CheckResult> {
  const started = performance.now();
  const patience = "within" in check ? Math.min(check.within, run.longestWait ?? Infinity) : 0;
  for (let attempts = 1; ; attempts++) {
    const outcome = await attempt(check, run).catch((error: unknown) => {
      run.signal.throwIfAborted();
      // Whatever went wrong: what could not be checked does not hold.
      return impossible(`the check could not be run: ${messageOf(error)}`);
    });
    const durationMs = performance.now() - started;
    const known = { name: check.name, kind: kindOf(check), durationMs, attempts };
    if (outcome.ok) {
      const { detail } = outcome;
      return { ...known, ok: true, ...(detail === undefined ? {} : { detail }) };
    }
    const isLate = performance.now() + PAUSE_MS - run.startedAt > patience;
    const hopeless = await run.whyHopeless?.();
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

/** Hands a result on to whoever waits for it. */
export function tellResult(
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
 * Runs checks, one after the other; one that fails does not end the run.
 * @throws only the signal's reason.
 */
export async function runChecks(checks: readonly Check[], run: CheckRun): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    const result = await runCheck(check, run);
    tellResult(result, run);
    results.push(result);
  }
  return results;
}
