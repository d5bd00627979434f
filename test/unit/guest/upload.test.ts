import { describe, expect, it } from "vitest";
import { destinationOf, requireIntact } from "../../../src/guest/upload.js";

describe("destinationOf", () => {
  it.each([
    ["/host/file.txt", "/etc/other", "/etc/other"],
    ["/host/file.txt", "/etc/", "/etc/file.txt"],
    ["/host/file.txt", "/", "/file.txt"],
  ])("%s to %s is %s", (source, to, path) => {
    expect(destinationOf(source, to)).toBe(path);
  });
});

describe("requireSame", () => {
  const hash = "a".repeat(64);

  it("parses the output of wc and sha256sum", () => {
    expect(() => requireIntact(`12\n${hash}  -\n`, 12, hash, "/file")).not.toThrow();
  });

  it.each([
    ["another size", `11\n${hash}  -\n`],
    ["another sum", `12\n${"b".repeat(64)}  -\n`],
    ["nothing", ""],
  ])("refuses %s", (_, answer) => {
    expect(() => requireIntact(answer, 12, hash, "/file")).toThrow(
      "/file was corrupted during the upload",
    );
  });
});
