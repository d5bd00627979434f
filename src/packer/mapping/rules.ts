/** Rules of how an option of Packer is treated, from which conversion and documentation are made. */
import type { Outcome } from "../../template/converted-option.js";
import { shownValue } from "./plain.js";
import type { Plain } from "./plain.js";

/** Rule of one option. */
export interface OptionRule {
  readonly outcome: Outcome;
  /**
   * For `mapped`, the fields of vmbuild's template; for `nothing`, the reason; for `refused`, what
   * the user can do. Without a full stop.
   */
  readonly text: string;
  /**
   * Returns why a value is refused; undefined if it is accepted. A refused option has a check where
   * some of its values have no effect.
   */
  readonly check?: ((value: Plain) => string | undefined) | undefined;
}

/** Rules of a block by the names of its options. */
export type RuleTable = Readonly<Record<string, OptionRule>>;

/** Returns the rule of an option that becomes fields of the template. */
export function mapped(text: string, check?: OptionRule["check"]): OptionRule {
  return { outcome: "mapped", text, check };
}

/** Returns the rule of an option that has no counterpart because nothing needs it. */
export function nothing(text: string, check?: OptionRule["check"]): OptionRule {
  return { outcome: "nothing", text, check };
}

/**
 * Returns the rule of an option that vmbuild cannot follow.
 * @param isHarmless whether a value asks for nothing, such as `false`.
 */
export function refused(text: string, isHarmless?: (value: Plain) => boolean): OptionRule {
  const harmless = isHarmless ?? isUnset;
  return {
    outcome: "refused",
    text,
    check: (value) => (harmless(value) ? undefined : text),
  };
}

/** Returns whether a value is one that stands for an option that is not set. Packer reads texts as booleans. */
export function isUnset(value: Plain): boolean {
  if (typeof value === "string" && /^(?:false|f|0)$/i.test(value)) return true;
  if (value === null || value === "" || value === false || value === 0) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Returns a check that accepts the listed values only. */
export function oneOf(values: readonly string[], advice: string): NonNullable<OptionRule["check"]> {
  return (value) =>
    isUnset(value) || values.includes(shownValue(value))
      ? undefined
      : `${JSON.stringify(value)}: ${advice}`;
}

/** Result of applying a rule to an option. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly text: string;
}

/** Applies the rule of an option to its value. An option without a rule is refused by its name. */
export function applyRule(rule: OptionRule | undefined, value: Plain): Verdict {
  if (rule === undefined) {
    return { outcome: "refused", text: "is not an option that vmbuild knows; remove it" };
  }
  const problem = rule.check?.(value);
  if (problem !== undefined) return { outcome: "refused", text: problem };
  if (rule.outcome === "refused") return { outcome: "nothing", text: "has no effect here" };
  return { outcome: rule.outcome, text: rule.text };
}
