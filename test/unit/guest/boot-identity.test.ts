import { describe, expect, it } from "vitest";
import { isOtherBoot, parseBoot } from "../../../src/guest/boot-identity.js";
import type { BootIdentity } from "../../../src/guest/boot-identity.js";

const ONE = "11111111-2222-3333-4444-555555555555";
const TWO = "66666666-7777-8888-9999-000000000000";

describe("parseBoot", () => {
  it.each([
    [[ONE, "vmbuild-uptime 12.34"], { id: ONE, uptime: 12.34, at: 5 }],
    [["Welcome", "vmbuild-uptime 7"], { id: undefined, uptime: 7, at: 5 }],
    [[ONE], { id: ONE, uptime: undefined, at: 5 }],
    [["Password change required", "12.34 5.00"], undefined],
  ])("reads %j", (lines, boot) => {
    expect(parseBoot(lines, 5)).toEqual(boot);
  });
});

describe("a boot", () => {
  const minutes = (n: number): number => n * 60_000;
  it.each<[string, BootIdentity, BootIdentity, boolean]>([
    ["same ID", { id: ONE, uptime: 900, at: 0 }, { id: ONE, uptime: 1, at: minutes(2) }, false],
    ["other ID", { id: ONE, uptime: 1, at: 0 }, { id: TWO, uptime: 900, at: minutes(2) }, true],
    ["longer uptime", { uptime: 100, at: 0 }, { uptime: 130, at: 30_000 }, false],
    ["shorter uptime", { uptime: 100, at: 0 }, { uptime: 20, at: 30_000 }, true],
    ["slow start of a young guest", { uptime: 20, at: 0 }, { uptime: 118, at: minutes(2) }, true],
    ["slow clock of the guest", { uptime: 100, at: 0 }, { uptime: 157, at: minutes(1) }, false],
    ["ID that is gone", { id: ONE, uptime: 100, at: 0 }, { uptime: 20, at: 30_000 }, true],
    ["nothing to compare", { id: ONE, at: 0 }, { uptime: 20, at: 30_000 }, false],
  ])("%s", (_, before, after, other) => {
    expect(isOtherBoot(before, after)).toBe(other);
  });
});
