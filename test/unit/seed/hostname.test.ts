import { describe, expect, it } from "vitest";
import { hostnameOf } from "../../../src/seed/hostname.js";

describe("hostnameOf", () => {
  it.each([
    ["demo", "demo"],
    ["SLM-Copilot", "slm-copilot"],
    ["a.b_c", "a-b-c"],
    ["1.0.", "1-0"],
    ["_", "vmbuild"],
    [`${"a".repeat(62)}.b`, "a".repeat(62)],
  ])("of %s is %s", (name, host) => {
    expect(hostnameOf(name)).toBe(host);
  });
});
