import { describe, expect, it } from "vitest";
import { parseOverride } from "../../../src/template/overrides.js";
import { loadError, templateText } from "./support.js";

const download = (to: string) => ({
  steps: [{ name: "s", actions: [{ run: "true" }, { download: "/etc/motd", to }] }],
});

describe("a template whose files would overwrite each other", () => {
  it.each([
    [
      { output: { filename: "manifest.json" } },
      'output.filename: the image cannot have the name "manifest.json": manifest.json is reserved for the manifest',
    ],
    [
      { variables: { f: { default: "Manifest.json" } }, output: { filename: "${var.f}" } },
      'output.filename: the image cannot have the name "Manifest.json": manifest.json is reserved for the manifest',
    ],
    [{ output: { filename: "a/b.qcow2" } }, "output.filename: must be a file name without folders"],
    [
      { output: { directory: "" } },
      "output.directory: must be the path of a folder, and not empty",
    ],
    [
      download("demo-0.0.0.qcow2"),
      'steps[0].actions[1].to: "demo-0.0.0.qcow2" is reserved for the image',
    ],
    [
      { ...download("${name}-${version}.qcow2.sha256"), version: "2.0" },
      'steps[0].actions[1].to: "demo-2.0.qcow2.sha256" is reserved for the image\'s sha256 checksum file',
    ],
    [
      { ...download("./Disk.RAW/x"), output: { filename: "disk.raw", format: "raw" } },
      'steps[0].actions[1].to: "Disk.RAW" is reserved for the image on file systems that ignore case',
    ],
    [
      { version: `1${"0".repeat(240)}` },
      "version: a name of 252 bytes is too long; the maximum is 233",
    ],
  ])("is refused: %j", async (more, line) => {
    const { code, lines } = await loadError(templateText(more));
    expect(code).toBe("TEMPLATE_INVALID");
    expect(lines.map((text) => text.replace(/^.*t\.json:\d+:\d+: /, ""))).toEqual([line]);
  });

  it("is refused for a name that an option brings", async () => {
    const overrides = [parseOverride("output.filename=motd")];
    const { lines } = await loadError(templateText(download("motd")), { overrides });
    expect(lines).toEqual([
      't.json:1:134: steps[0].actions[1].to: "motd" is reserved for the image',
    ]);
  });
});
