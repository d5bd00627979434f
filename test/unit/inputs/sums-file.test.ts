import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { findSum, parseSums } from "../../../src/inputs/sums-file.js";
import { clearSignedText, decodeSums } from "../../../src/inputs/sums-text.js";

function hex(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest("hex");
}

const [md5, sha1, sha256, sha512] = ["md5", "sha1", "sha256", "sha512"].map((one) => hex(one, "a"));
const [sha384, sha224, blake2b] = ["sha384", "sha224", "blake2b512"].map((one) => hex(one, "a"));
const other = hex("sha256", "b");
const whirlpool = "ab".repeat(64);
const groups = (sha512 ?? "").toUpperCase().replaceAll(/(.{8})/g, "$1 ");

/** Returns the first algorithm that is tried, and the digest. */
function found(text: string, source = "sums"): unknown {
  const [sum, ...more] = findSum(text, "a", source).expected;
  expect(more).toEqual([]);
  return { algorithm: sum?.algorithms[0], hex: sum?.hex };
}

describe("findSum", () => {
  it.each([
    ["GNU text", `${other}  b\n${sha256}  a\n`, "sha256", sha256],
    ["GNU binary", `${other} *b\n${sha256} *a\n`, "sha256", sha256],
    ["BSD", `SHA512 (b) = ${hex("sha512", "b")}\nSHA512 (a) = ${sha512}\n`, "sha512", sha512],
    ["OpenSSL's BSD", `SHA2-256(a)= ${sha256}\n`, "sha256", sha256],
    ["BSD with BLAKE2b", `BLAKE2b (a) = ${blake2b}\n`, "blake2b", blake2b],
    ["BSD with sizes", `SIZE (a) = 12345\nSHA256 (a) = ${sha256}\n`, "sha256", sha256],
    ["a bare hash", `${sha1}\n`, "sha1", sha1],
    ["a bare hash without a line ending", `${md5}`, "md5", md5],
    ["a bare hash with its algorithm", `SHA256: ${sha256}\n`, "sha256", sha256],
    ["what sha256sum prints of its input", `${sha256}  -\n`, "sha256", sha256],
    ["SHA-384", `${sha384}  a\n`, "sha384", sha384],
    ["SHA-224", `SHA224 (a) = ${sha224}\n`, "sha224", sha224],
    ["the algorithm before the hash", `sha256:${sha256}  a\nsha256:${other} b`, "sha256", sha256],
    ["the name first", `b ${other}\na ${sha256}\n`, "sha256", sha256],
    ["the name first, with a colon", `a: ${sha256}\n`, "sha256", sha256],
    ["the name first, with an algorithm", `a: sha256:${sha256}\n`, "sha256", sha256],
    ["a size in between", `SHA256:\n ${other} 17 x/b\n ${sha256}   1234 x/a\n`, "sha256", sha256],
    ["a Debian .changes file", `Checksums-Sha1:\n ${sha1} 12 a\n`, "sha1", sha1],
    ["PowerShell's table", `SHA256      ${sha256?.toUpperCase()}   C:\\x\\a\n`, "sha256", sha256],
    ["certutil's lines", `SHA512 hash of a:\n${sha512}\nCertUtil: done.\n`, "sha512", sha512],
    [
      "gpg --print-md over several lines",
      `a: ${groups.slice(0, 72)}\n   ${groups.slice(72)}\n`,
      "sha512",
      sha512,
    ],
    [
      "a Git LFS pointer",
      `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize 1\n`,
      "sha256",
      sha256,
    ],
    ["Windows line endings", `${sha256}  a\r\n`, "sha256", sha256],
    ["Windows folders", `${sha256} *.\\x\\a\r\n`, "sha256", sha256],
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
    [
      "what stands under its heading",
      `# BLAKE2B HASH\n${blake2b}  a\n# SHA512 HASH\n${sha512}  a\n`,
      "sha512",
      sha512,
    ],
    ["BLAKE2b alone under its heading", `# BLAKE2B HASH\n${blake2b}  a\n`, "blake2b", blake2b],
    [
      "past an algorithm that is not known",
      `# SHA512 HASH\n${sha512}  a\n# WHIRLPOOL HASH\n${whirlpool}  a\n`,
      "sha512",
      sha512,
    ],
  ])("reads %s", (_, text, algorithm, expected) => {
    expect(found(text)).toEqual({ algorithm, hex: expected });
  });

  it("tries every algorithm of that length where the algorithm is unknown", () => {
    expect(findSum(`${blake2b}  a\n`, "a", "http://x/CHECKSUM").expected).toEqual([
      { hex: blake2b, algorithms: ["sha512", "sha3-512", "blake2b"] },
    ]);
    expect(findSum(`${sha256}  a\n`, "a", "http://x/SHA256SUMS").expected).toEqual([
      { hex: sha256, algorithms: ["sha256"] },
    ]);
    expect(findSum(`${blake2b}  a\n`, "a", "http://x/b2sums.txt").expected).toEqual([
      { hex: blake2b, algorithms: ["blake2b"] },
    ]);
  });

  it("requires all of several digests of 128 digits without an algorithm", () => {
    const { expected } = findSum(`${blake2b}  a\n${sha512}  a\n`, "a", "DIGESTS");
    expect(expected.map((sum) => sum.hex)).toEqual([blake2b, sha512]);
  });

  it("reads names with spaces, brackets, numbers and escapes", () => {
    for (const name of ["my (old) file", "12 monkeys.img"]) {
      for (const line of [`${sha256}  ${name}`, `SHA256 (${name}) = ${sha256}`]) {
        expect(findSum(line, name, "sums").expected[0]?.hex).toBe(sha256);
      }
    }
    expect(findSum(`\\${sha256}  a\\\\b`, "a\\b", "sums").expected[0]?.hex).toBe(sha256);
  });

  it("lists the names when the right one is missing", () => {
    expect(() => findSum(`${sha256}  aa\n`, "a", "http://x/sums")).toThrow(
      expect.objectContaining({
        code: "INPUT_CHECKSUM",
        message: "http://x/sums has no checksum for a",
        lines: ["it names aa"],
      }),
    );
  });

  it.each([
    [`# WHIRLPOOL HASH\n${whirlpool}  a.img\n`, "WHIRLPOOL is not supported"],
    [`BLAKE2b-256 (a.img) = ${sha256}\n`, "BLAKE2b-256 is not supported"],
    [`SHA256 (a.img) = ${sha1}\n`, "it has 40 hexadecimal digits, but SHA256 has 64"],
    [`${sha256?.slice(1)}  a.img\n`, "no algorithm has 63 hexadecimal digits"],
    [`SHA256 (a.img) = 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n`, "not in hexadecimal"],
  ])("names what it skips, and why: %s", (text, reason) => {
    expect(() => findSum(text, "a.img", "sums")).toThrow(
      expect.objectContaining({
        message: "sums has no checksum for a.img",
        lines: [expect.stringMatching(/^line \d names a.img and is skipped: /)],
      }),
    );
    const whole = `${md5}  a.img\n${text}`;
    const { expected, skipped } = findSum(whole, "a.img", "sums");
    expect(expected[0]?.algorithms).toEqual(["md5"]);
    expect(skipped).toEqual([expect.stringContaining(reason)]);
  });

  it.each([
    ["two lines for one name", `${sha256}  a\n${other}  a\n`],
    ["two bare hashes", `${sha256}\n${other}\n`],
    ["two of one algorithm", `SHA512 (a) = ${sha512}\nSHA512 (a) = ${hex("sha512", "b")}\n`],
  ])("refuses to choose: %s", (_, text) => {
    expect(() => findSum(text, "a", "sums")).toThrow("sums has 2 different checksums for a");
  });

  it("finds nothing in a file that is not a sums file", () => {
    const nothing = { entries: [], skipped: [] };
    expect(parseSums("<html><body>not found</body></html>")).toEqual(nothing);
    expect(() => findSum("", "a", "sums")).toThrow("sums has no checksum for a");
  });
});

describe("decodeSums", () => {
  const text = `${sha256}  a\r\n`;
  it.each([
    ["UTF-8", Buffer.from(text)],
    ["UTF-8 with a byte order mark", Buffer.from(`\ufeff${text}`)],
    ["UTF-16LE with one", Buffer.from(`\ufeff${text}`, "utf16le")],
    ["UTF-16BE with one", Buffer.from(`\ufeff${text}`, "utf16le").swap16()],
    ["UTF-16LE without one", Buffer.from(text, "utf16le")],
  ])("reads %s", (_, bytes) => {
    expect(decodeSums(bytes)).toBe(text);
  });
});

describe("clearSignedText", () => {
  it("returns the signed text alone, without headers and dash escapes", () => {
    const text = [
      `${other}  a`,
      "-----BEGIN PGP SIGNED MESSAGE-----",
      "Hash: SHA256",
      "",
      "# a",
      "- -----x",
      `SHA256 (a) = ${sha256}`,
      "-----BEGIN PGP SIGNATURE-----",
      "",
      "iQ==",
      "-----END PGP SIGNATURE-----",
      `${other}  a`,
    ].join("\n");
    expect(clearSignedText(text)).toBe(`# a\n-----x\nSHA256 (a) = ${sha256}\n`);
    expect(clearSignedText(text.replace("BEGIN PGP SIGNATURE", ""))).toBeUndefined();
  });
});
