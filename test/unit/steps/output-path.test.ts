import { describe, expect, it } from "vitest";
import { claimsCollide, outputPathOf, outputPathProblem } from "../../../src/steps/output-path.js";

describe("outputPathProblem", () => {
  it.each(["a", "a/b", "./a", "a/", "a/../b", "..a", ".a", "a b", "...", "a/..b/"])(
    "accepts %j",
    (to) => {
      expect(outputPathProblem(to)).toBeUndefined();
    },
  );

  it.each([
    ["/home/me/precious", 'use "hostPath"'],
    ["/", 'use "hostPath"'],
    ["//x", 'use "hostPath"'],
    ["..", "is outside the output folder"],
    ["../", "is outside the output folder"],
    ["../x", "is outside the output folder"],
    ["a/../..", "is outside the output folder"],
    ["a/../../x", "is outside the output folder"],
    ["./../x/", "is outside the output folder"],
    [".", "is the output folder itself"],
    ["./", "is the output folder itself"],
    ["././/", "is the output folder itself"],
    ["a/..", "is the output folder itself"],
    ["a/b/../../", "is the output folder itself"],
    ["a\0b", "NUL"],
  ])("refuses %j", (to, words) => {
    expect(outputPathProblem(to)).toContain(words);
  });
});

describe("outputPathOf", () => {
  it.each([
    ["/etc/motd", "x", "file", "x"],
    ["/etc/motd", "sub/", "file", "sub/motd"],
    ["/etc/motd", "./sub//deep/", "file", "sub/deep/motd"],
    ["/etc/apt", "sub/", "tree", "sub"],
    ["/etc/apt/", "sub", "tree", "sub"],
  ] as const)("%s to %s, a %s", (download, to, kind, path) => {
    expect(outputPathOf({ download, to }, kind)).toBe(path);
  });
});

describe("claimsCollide", () => {
  const claim = (download: string, to: string) => ({ download, to });
  it.each([
    ["the same path", claim("/a", "x"), claim("/b", "x")],
    ["the same path, spelled otherwise", claim("/a", "x/y"), claim("/b", "./z/../x//y")],
    ["one inside the other", claim("/a", "x"), claim("/b", "x/y")],
    ["one inside the other, the other way round", claim("/a", "x/y"), claim("/b", "x")],
    ["a file's name in a folder", claim("/a/motd", "x/"), claim("/b", "x/motd")],
    ["the same name in one folder", claim("/a/motd", "x/"), claim("/b/motd", "x/")],
    ["a folder that is another's file or folder", claim("/a", "x/"), claim("/b", "x")],
  ])("%s", (_, one, other) => {
    expect(claimsCollide(one, other)).toBe(true);
    expect(claimsCollide(other, one)).toBe(true);
  });

  it.each([
    ["other paths", claim("/a", "x"), claim("/a", "y")],
    ["one name that begins as the other", claim("/a", "x"), claim("/b", "xy")],
    ["two names in one folder", claim("/a/one", "x/"), claim("/a/two", "x/")],
    ["a name in a folder, and another beside it", claim("/a/one", "x/"), claim("/b", "x/two")],
  ])("not %s", (_, one, other) => {
    expect(claimsCollide(one, other)).toBe(false);
    expect(claimsCollide(other, one)).toBe(false);
  });

  it("once it is known that one is a folder", () => {
    const [folder, file] = [claim("/a/one", "x/"), claim("/a/two", "x/")];
    expect(claimsCollide(folder, file, "tree")).toBe(true);
    expect(claimsCollide(folder, file, "file")).toBe(false);
  });
});
