import { describe, expect, it } from "vitest";
import { STAGES } from "../../../src/guest/connection.js";
import { STAGE_HINTS, findFatalLine } from "../../../src/guest/readiness.js";

describe("findFatalLine", () => {
  it.each([
    "[    1.123456] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    "No bootable device.",
    "BdsDxe: No bootable option or device was found.",
    'You are in emergency mode. After logging in, type "journalctl -xb" to view',
    "ALERT!  UUID=4be66e8f-ad1e-46a4 does not exist.  Dropping to a shell!",
    "(initramfs) ",
    "Entering emergency mode. Exit the shell to continue.",
    "dracut:/#",
    "grub rescue> ",
    "Shell>",
    "Give root password for maintenance",
  ])("gives up at: %s", (line) => {
    expect(findFatalLine(["Booting from Hard Disk...", line, "more"])).toBe(line);
  });

  it.each([
    "[    1.123456] Kernel command line: panic=-1 ro",
    "Boot failed: not a bootable disk",
    "[  OK  ] Reached target emergency.target - Emergency Mode.",
    "Debian GNU/Linux 12 debian ttyS0",
    "Begin: Running /scripts/local-block ... done.",
    "echo 'grub rescue>'",
    'BdsDxe: starting Boot0002 "EFI Internal Shell" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)',
  ])("goes on at: %s", (line) => {
    expect(findFatalLine([line])).toBeUndefined();
  });
});

it("describes each stage", () => {
  expect(Object.keys(STAGE_HINTS).toSorted()).toEqual([...STAGES].toSorted());
});
