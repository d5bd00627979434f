/** Expands an acceptance section into rounds: its checks once, and again after each restart. */
import type { Check } from "../acceptance/check-schema.js";
import { kindOf } from "../acceptance/run.js";
import type { CheckResult } from "../acceptance/run.js";
import type { ContextVariables } from "../seed/context.js";
import type { Acceptance } from "../template/acceptance-schema.js";
import { guestPort } from "./acceptance.js";

/** Round; the first one has the same form. */
export interface Round {
  readonly name: string | undefined;
  readonly newCredentials: boolean;
  readonly context: ContextVariables;
  readonly checks: readonly Check[];
}

/** Returns all rounds of a section. */
export function roundsOf({ checks, rounds }: Acceptance): Round[] {
  const first = { name: undefined, newCredentials: false, context: {}, checks };
  return [
    first,
    ...rounds.map((round) => ({
      ...round,
      context: round.context ?? {},
      checks: [...checks, ...round.checks],
    })),
  ];
}

/** Returns the guest's ports that checks use. */
export function portsOf(section: Acceptance): number[] {
  const { endpoint } = section;
  const all = roundsOf(section).flatMap(({ checks }) => checks);
  const ports = all.flatMap((check) =>
    "http" in check ? [guestPort(endpoint, check.scheme, check.port)] : [],
  );
  return [...new Set(ports)];
}

/** Returns the results of a round that could not start: every check fails. */
export function failRound({ checks }: Round, reason: string): CheckResult[] {
  return checks.map((check) => ({
    name: check.name,
    kind: kindOf(check),
    ok: false,
    durationMs: 0,
    attempts: 0,
    reason,
  }));
}
