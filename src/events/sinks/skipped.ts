/** Describes for a person why the actions of a step were skipped. */
import type { SkipReason } from "../types.js";

const REASONS: Record<SkipReason, string> = {
  skipIf: "already satisfied: skipIf succeeded",
  verify: "already satisfied: its checks succeeded",
};

/** Describes why the actions of a step were skipped. */
export function describeSkip(reason: SkipReason): string {
  return REASONS[reason];
}
