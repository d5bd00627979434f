/** Definitions of installations. */
import { describe, expect, it } from "vitest";
import { problemsOf } from "../../../src/template/problems.js";
import { installSchema } from "../../../src/install/schema.js";

const iso = { path: "installer.iso" };

describe("base.install", () => {
  it("needs little: an image, and its defaults", () => {
    expect(installSchema.parse({ iso })).toMatchObject({
      ...{ end: "poweroff", timeout: 3_600_000, bootWait: 10_000, keyInterval: 100 },
      ...{ bootCommand: [], media: [], failOn: [], cdBus: "sata" },
    });
  });

  it("starts from a disk image in place of an ISO image", () => {
    expect(installSchema.parse({ image: { path: "system.qcow2" } })).not.toHaveProperty("iso");
  });

  it.each<[problem: string, definition: object, place: string, message: RegExp]>([
    ["nothing to start", {}, "iso", /needs an ISO image, a kernel, or a disk image/],
    ["an initrd alone", { iso, initrd: { path: "i" } }, "initrd", /needs a kernel/],
    ["parameters without a kernel", { iso, commandLine: "auto" }, "commandLine", /needs a kernel/],
    ["a path in no image", { kernel: "iso:/linux" }, "kernel", /needs an iso/],
    ["a download without checksum", { iso: { url: "https://a/b.iso" } }, "iso", /checksum/],
    ["an absolute name", { iso, http: { files: { "/x": "x" } } }, "http.files./x", /relative/],
    ["a name that leaves", { iso, http: { files: { "a/../x": "x" } } }, "http", /must not contain/],
    [
      "a label that ISO 9660 lacks",
      { iso, media: [{ label: "a b", files: {} }] },
      "media",
      /label|letters/,
    ],
    [
      "two floppies",
      { iso, media: [1, 2].map(() => ({ floppy: true, files: {} })) },
      "media",
      /one floppy/,
    ],
    [
      "five CDs",
      { iso, media: [1, 2, 3, 4].map((n) => ({ label: `A${n}`, files: {} })) },
      "media",
      /at most 4/,
    ],
    ["a broken pattern", { iso, failOn: ["("] }, "failOn", /regular expression/],
    ["an unknown wait", { iso, bootCommand: [{ waitForScreen: "blue" }] }, "bootCommand", /stable/],
  ])("refuses %s", (_, definition, place, message) => {
    const { issues = [] } = installSchema.safeParse(definition).error ?? {};
    const texts = problemsOf(issues).map(({ path, message: text }) => `${path.join(".")}: ${text}`);
    const found = texts.find((text) => text.startsWith(place));
    expect(found ?? texts.join("; ")).toMatch(message);
  });
});
