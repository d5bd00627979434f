import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { findSum, parseSums } from "../../../src/inputs/sums-file.js";

function hex(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest("hex");
}

const [md5, sha1, sha256, sha512] = ["md5", "sha1", "sha256", "sha512"].map((one) => hex(one, "a"));
const other = hex("sha256", "b");

describe("findSum", () => {
  it.each([
    ["GNU text", `${other}  b\n${sha256}  a\n`, "sha256", sha256],
    ["GNU binary", `${other} *b\n${sha256} *a\n`, "sha256", sha256],
    ["BSD", `SHA512 (b) = ${hex("sha512", "b")}\nSHA512 (a) = ${sha512}\n`, "sha512", sha512],
    ["OpenSSL's BSD", `SHA2-256(a)= ${sha256}\n`, "sha256", sha256],
    ["a bare hash", `${sha1}\n`, "sha1", sha1],
    ["a bare hash without a line ending", `${md5}`, "md5", md5],
    [
      "a Git LFS pointer",
      `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize 1\n`,
      "sha256",
      sha256,
    ],
    ["Windows line endings", `${sha256}  a\r\n`, "sha256", sha256],
    ["upper case", `${sha256?.toUpperCase()}  a\n`, "sha256", sha256],
    ["a path before the name", `${other}  x/b\n${sha256}  ./x/a\n`, "sha256", sha256],
    ["the top before folders", `${other}  x/a\n${sha256}  ./a\n`, "sha256", sha256],
    ["the strongest of several", `MD5 (a) = ${md5}\nSHA256 (a) = ${sha256}\n`, "sha256", sha256],
    ["the same twice", `${sha256}  a\n${sha256} *a\n`, "sha256", sha256],
    [
      "between comments",
      `# a: 5 bytes\n-----BEGIN PGP SIGNED MESSAGE-----\n\nSHA256 (a) = ${sha256}\n`,
      "sha256",
      sha256,
    ],
  ])("reads %s", (_, text, algorithm, expected) => {
    expect(findSum(text, "a", "sums")).toEqual({ algorithm, hex: expected });
  });

  it("reads names with spaces and brackets", () => {
    expect(findSum(`${sha256}  my (old) file\n`, "my (old) file", "sums").hex).toBe(sha256);
    expect(findSum(`SHA256 (my (old) file) = ${sha256}`, "my (old) file", "sums").hex).toBe(sha256);
  });

  it("says which names there are when the right one is not", () => {
    expect(() => findSum(`${sha256}  aa\n`, "a", "http://x/sums")).toThrow(
      expect.objectContaining({
        code: "INPUT_CHECKSUM",
        message: "http://x/sums has no checksum for a",
        lines: ["it names aa"],
      }),
    );
  });

  it.each([
    ["two lines for one name", `${sha256}  a\n${other}  a\n`],
    ["two bare hashes", `${sha256}\n${other}\n`],
  ])("refuses to choose: %s", (_, text) => {
    expect(() => findSum(text, "a", "sums")).toThrow("sums has 2 different checksums for a");
  });

  it("finds nothing in what is no sums file", () => {
    expect(parseSums("<html><body>not found</body></html>")).toEqual([]);
    expect(() => findSum("", "a", "sums")).toThrow("sums has no checksum for a");
  });
});
