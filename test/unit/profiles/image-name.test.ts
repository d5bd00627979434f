import { expect, it } from "vitest";
import { renamedImage } from "../../../src/profiles/image-name.js";

it.each([
  ["debian.qcow2", "web.qcow2"],
  ["debian-12.1.raw.gz", "web.raw.gz"],
  ["debian-12.1", "web"],
  ["web-1.0.0.qcow2", undefined],
  [undefined, undefined],
])("names %s after the build: %s", (filename, expected) => {
  expect(renamedImage(filename, "web")).toBe(expected);
});
