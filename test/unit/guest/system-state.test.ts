import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  describeShutdown,
  systemStateScript,
  parseSystemState,
} from "../../../src/guest/system-state.js";
import { STOP_TIMERS, STOP_ACTIVE_TIMERS, RESUME_CRON } from "../../../src/guest/timers.js";

describe("parseSystemState", () => {
  it.each([
    [[], {}],
    [["Welcome to this system"], {}],
    [["vmbuild-outlook now reboot.target"], { pendingShutdown: { kind: "reboot", at: undefined } }],
    [
      ["noise vmbuild-outlook now poweroff"],
      { pendingShutdown: { kind: "poweroff", at: undefined } },
    ],
    [["vmbuild-outlook now kexec.target"], { pendingShutdown: { kind: "reboot", at: undefined } }],
    [["vmbuild-outlook now "], { pendingShutdown: { kind: "unknown", at: undefined } }],
    [
      ["vmbuild-outlook at poweroff 1700000000000000"],
      { pendingShutdown: { kind: "poweroff", at: 1.7e12 } },
    ],
    [["vmbuild-outlook login one", "vmbuild-outlook login two"], { loginProblem: "one; two" }],
  ])("reads %j", (lines, state) => {
    expect(parseSystemState(lines)).toEqual(state);
  });

  it("describes the pending shutdown and its time", () => {
    expect(describeShutdown({ kind: "reboot", at: undefined })).toBe("restarting");
    expect(describeShutdown({ kind: "reboot", at: 0 })).toBe(
      "about to end: a reboot is scheduled for 1970-01-01T00:00:00.000Z",
    );
  });
});

it.each([
  ["system state", systemStateScript("app")],
  ["hold", STOP_TIMERS],
  ["hold again", STOP_ACTIVE_TIMERS],
  ["release", RESUME_CRON],
])("has a script that every shell can read: %s", (_, script) => {
  for (const shell of ["sh", "bash"]) {
    expect(() => execFileSync(shell, ["-n"], { input: script, stdio: "pipe" })).not.toThrow();
  }
});
