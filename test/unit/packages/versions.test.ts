/** Versions in the order of dpkg and rpm. */
import { describe, expect, it } from "vitest";
import { compareVersions } from "../../../src/packages/versions.js";

describe("compareVersions", () => {
  // Examples of rpm's own tests (tests/rpmvercmp.at).
  it.each([
    ["1.0", "1.0", 0],
    ["1.0", "2.0", -1],
    ["2.0.1a", "2.0.1", 1],
    ["5.5p1", "5.5p10", -1],
    ["10xyz", "10.1xyz", -1],
    ["xyz10", "xyz10.1", -1],
    ["xyz.4", "8", -1],
    ["5.5p2", "5.6p1", -1],
    ["6.0.rc1", "6.0", 1],
    ["10.0001", "10.0039", -1],
    ["4.999.9", "5.0", -1],
    ["20101121", "20101122", -1],
    ["2_0", "2_0", 0],
    ["2.0", "2_0", 0],
    ["a+", "a_", 0],
    ["1.0~rc1", "1.0", -1],
    ["1.0~rc1", "1.0~rc2", -1],
    ["1.0~rc1~git123", "1.0~rc1", -1],
    ["1.0^", "1.0", 1],
    ["1.0^git1", "1.0^git2", -1],
    ["1.0^git1", "1.01", -1],
    ["1.0^20160101^git1", "1.0^20160102", -1],
    ["1.0~rc1^git1", "1.0~rc1", 1],
    ["1.0^git1~pre", "1.0^git1", -1],
    ["1:1.0-1", "2.0-1", 1],
    ["1.0-2.el9", "1.0-10.el9", -1],
  ])("sorts %s and %s as rpm does", (one, other, order) => {
    expect(Math.sign(compareVersions("rpm", one, other))).toBe(order);
    expect(Math.sign(compareVersions("rpm", other, one))).toBe(order === 0 ? 0 : -order);
  });
});
