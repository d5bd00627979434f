import { describe, expect, it } from "vitest";
import { rejectConflictingFlags } from "../../../src/cli/run-options.js";
import type { RunFlags } from "../../../src/cli/run-options.js";

/** Returns the message for flags; undefined where they are accepted. */
function messageFor(flags: Partial<RunFlags>): string | undefined {
  try {
    rejectConflictingFlags({ bases: true, checkpoints: true, ...flags } as RunFlags, 1);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("the options of vmbuild run about commits", () => {
  it.each(["2.4.0", "2026-11_rc1", "v1+build"])("accept the release %s", (release) => {
    expect(messageFor({ release, commitManifest: true, requireClean: true })).toBeUndefined();
    expect(messageFor({ release, skipCommit: true, var: ["other=1"] })).toBeUndefined();
  });

  it.each(["", "../x", "a b", "-1", "a/b", "${x}"])("refuse the release %j", (release) => {
    expect(messageFor({ release })).toBe(
      `--release ${JSON.stringify(release)} is not the name of a release`,
    );
  });

  it.each<[Partial<RunFlags>, string]>([
    [{ release: "1", var: ["release=2"] }, "--release and --var release=… set the same variable"],
    [
      { requireClean: true, skipCommit: true },
      "--skip-commit and --require-clean are mutually exclusive",
    ],
    [
      { commitManifest: true, skipCommit: true },
      "--skip-commit and --commit-manifest are mutually exclusive",
    ],
    [
      { commitManifest: true, until: "packages" },
      "--commit-manifest and --until are mutually exclusive: a run that makes no image has no manifest to commit",
    ],
  ])("refuse %j", (flags, message) => {
    expect(messageFor(flags)).toBe(message);
  });
});
