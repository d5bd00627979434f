import { describe, expect, it } from "vitest";
import { packerManifestSettings } from "../../../src/template/packer-manifest-schema.js";
import { load, loadError, templateText } from "./support.js";

describe("output.packerManifest", () => {
  it("is a path, or an object", async () => {
    const { output } = await load(templateText({ output: { packerManifest: "manifest.json" } }));
    expect(output.packerManifest).toBe("manifest.json");
    expect(packerManifestSettings("manifest.json")).toEqual({
      file: "manifest.json",
      builderType: "qemu",
      artifactId: "VM",
      stripPath: false,
      stripTime: false,
    });
  });

  it("leaves references to the image for the end of the run", async () => {
    const packerManifest = {
      artifactId: "/srv/${name}/${image.name}",
      customData: { sum: "${image.sha256}" },
    };
    const { output } = await load(templateText({ output: { packerManifest } }));
    expect(output.packerManifest).toMatchObject({
      artifactId: "/srv/demo/${image.name}",
      customData: { sum: "${image.sha256}" },
    });
  });

  it("refuses references without a value", async () => {
    const unknown = await loadError(
      templateText({ output: { packerManifest: { file: "${image.name}.json" } } }),
    );
    expect(unknown.lines[0]).toContain('${image.name} has a value only in "after"');
    const missing = await loadError(
      templateText({ output: { packerManifest: { artifactId: "${image.sha512}" } } }),
    );
    expect(missing.lines[0]).toContain(
      "output.packerManifest: ${image.sha512} has no value, because output.checksums does not",
    );
  });
});
