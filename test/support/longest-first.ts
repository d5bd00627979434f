/** Orders test files so that the last minutes of a run are not those of one guest alone. */
import { basename } from "node:path";
import { BaseSequencer } from "vitest/node";
import type { TestSpecification } from "vitest/node";

/**
 * End-to-end tests that take longest, in order. Vitest itself knows only the durations of earlier
 * runs in the same tree, and otherwise starts with the largest files.
 */
export const LONGEST: readonly string[] = [
  ...["slm-copilot", "acceptance", "packer", "install", "resume", "demo", "credentials", "full"],
  ...["kill", "devices", "output", "full-disk", "checkpoints", "failed-checkpoint"],
];

/** Returns the rank of a test file; those that are not listed come last, in any order. */
function rankOf(path: string): number {
  const rank = LONGEST.indexOf(basename(path, ".test.ts"));
  return rank === -1 ? LONGEST.length : rank;
}

/** Starts the end-to-end tests that take longest first. The order of other projects is vitest's. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // eslint-disable-next-line unicorn/no-array-sort -- The method of vitest, which sorts a copy.
    const sorted = await super.sort(files);
    const guests = sorted.filter(({ project }) => project.name === "e2e");
    const inOrder = guests.toSorted((a, b) => rankOf(a.moduleId) - rankOf(b.moduleId));
    // Files of one project stay together.
    return sorted.map((file) => (file.project.name === "e2e" ? (inOrder.shift() ?? file) : file));
  }
}
