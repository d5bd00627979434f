/** Facts about an image, from lines KEY=VALUE. */
import { describe, expect, it } from "vitest";
import { parseFacts } from "../../../src/steps/facts.js";

describe("parseFacts", () => {
  it("reads keys and values, quoted or not, and ignores comments", () => {
    const text = '# versions\nDEBIAN_VERSION=12.13\nPVE_VERSION=\r\nexport NAME="Debian GNU"\n\n';
    expect(parseFacts(text)).toEqual({
      facts: { DEBIAN_VERSION: "12.13", PVE_VERSION: "", NAME: "Debian GNU" },
    });
  });

  it("keeps what follows the first equals sign", () => {
    expect(parseFacts("OPTIONS=a=b c")).toEqual({ facts: { OPTIONS: "a=b c" } });
  });

  it.each([
    ["a line without =", "A=1\nwords\n", "line 2 is not of the form KEY=VALUE"],
    ["a key with a dash", "a-b=1", "line 1 is not of the form KEY=VALUE"],
  ])("names the line of %s", (_, text, problem) => {
    expect(parseFacts(text)).toEqual({ problem });
  });
});
