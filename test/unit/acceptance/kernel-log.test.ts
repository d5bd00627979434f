import { describe, expect, it } from "vitest";
import { findKernelErrors } from "../../../src/acceptance/kernel-log.js";

describe("findTrouble", () => {
  it.each([
    "[    1.5] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    "[   12.1] Oops: 0000 [#1] PREEMPT SMP NOPTI",
    "[   12.1] BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "[   12.1] general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP",
    "[   99.0] stress invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0",
    "[   99.0] Out of memory: Killed process 812 (local-ai) total-vm:1kB",
    "[   99.0] Memory cgroup out of memory: Killed process 9 (x)",
  ])("finds %s", (line) => {
    expect(findKernelErrors(["[ 0.0] Linux version 6.1", line])).toEqual([line]);
  });

  it.each([
    "[    0.0] traps: python3[77] general protection fault, ip:7f sp:7f error:0 in libc",
    "[   30.0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
    "[    0.1] DEBUG: nothing",
    "[    0.1] Oopsie is a fine name",
    "systemd[1]: Listening on systemd-oomd.socket - Userspace Out-Of-Memory (OOM) Killer Socket.",
  ])("lets %s pass", (line) => {
    expect(findKernelErrors([line])).toEqual([]);
  });

  it("ignores what is allowed", () => {
    expect(findKernelErrors(["BUG: known one", "BUG: other"], ["known one"])).toEqual([
      "BUG: other",
    ]);
  });
});
