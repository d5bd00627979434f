import { describe, expect, it } from "vitest";
import { companionProblem, filenameProblem, sameName } from "../../../src/artifact/names.js";

const IMAGE = "demo-1.0.0.qcow2";
const IGNORES_CASE = " on file systems that ignore case";

describe("companionProblem", () => {
  it.each([
    [IMAGE, `"${IMAGE}" is reserved for the image`],
    [`./${IMAGE}`, `"${IMAGE}" is reserved for the image`],
    [`notes/../${IMAGE}`, `"${IMAGE}" is reserved for the image`],
    [`${IMAGE}/`, `"${IMAGE}" is reserved for the image`],
    [`${IMAGE}/inner/file`, `"${IMAGE}" is reserved for the image`],
    ["Demo-1.0.0.QCOW2", `"Demo-1.0.0.QCOW2" is reserved for the image${IGNORES_CASE}`],
    [`${IMAGE}. `, `"${IMAGE}. " is reserved for the image${IGNORES_CASE}`],
    [`${IMAGE}.sha256`, `"${IMAGE}.sha256" is reserved for the image's sha256 checksum file`],
    [`${IMAGE}.sha512`, `"${IMAGE}.sha512" is reserved for the image's sha512 checksum file`],
    [`${IMAGE}.MD5`, `"${IMAGE}.MD5" is reserved for the image's md5 checksum file${IGNORES_CASE}`],
    ["manifest.json", '"manifest.json" is reserved for the manifest'],
    ["MANIFEST.json", `"MANIFEST.json" is reserved for the manifest${IGNORES_CASE}`],
    [
      `.${IMAGE}.0123abcd.part`,
      `".${IMAGE}.0123abcd.part" has the form of vmbuild's temporary file names`,
    ],
    ["é".repeat(121), "a name of 242 bytes is too long; the maximum is 240"],
  ])("refuses %j", (path, problem) => {
    expect(companionProblem(path, [IMAGE])).toBe(problem);
  });

  it.each(["notes.txt", `${IMAGE}.txt`, "other.sha256", "sub/manifest.json", "..", ".", ".part"])(
    "accepts %j",
    (path) => {
      expect(companionProblem(path, [IMAGE])).toBeUndefined();
    },
  );
});

it("refuses the names of every image", () => {
  const names = [IMAGE, "other.vmdk"];
  expect(companionProblem("other.vmdk", names)).toBe('"other.vmdk" is reserved for the image');
  expect(companionProblem("other.vmdk.md5", names)).toContain("md5 checksum file");
});

describe("filenameProblem", () => {
  it.each([
    [
      "manifest.json",
      'the image cannot have the name "manifest.json": manifest.json is reserved for the manifest',
    ],
    [
      "Manifest.JSON",
      'the image cannot have the name "Manifest.JSON": manifest.json is reserved for the manifest',
    ],
    [
      "disk.sha256",
      'the image cannot have the name "disk.sha256": names that end in .sha256 are reserved for checksum files',
    ],
    [
      "disk.MD5",
      'the image cannot have the name "disk.MD5": names that end in .md5 are reserved for checksum files',
    ],
    [".x.0123abcd.part", `".x.0123abcd.part" has the form of vmbuild's temporary file names`],
    ["x".repeat(234), "a name of 234 bytes is too long; the maximum is 233"],
  ])("refuses %s", (filename, problem) => {
    expect(filenameProblem(filename)).toBe(problem);
  });

  it.each([IMAGE, "x".repeat(233), "manifest.json.qcow2", "sha256"])("accepts %s", (filename) => {
    expect(filenameProblem(filename)).toBeUndefined();
  });
});

it("treats composed and decomposed letters as equal", () => {
  expect(sameName("caf\u00e9", "cafe\u0301")).toBe(true);
});
