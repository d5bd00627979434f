/** Defines `output.packerManifest`: the file that Packer's post-processor `manifest` writes. */
import { z } from "zod";
import type { Algorithm } from "../artifact/digest.js";
import { checksumsIn } from "./host-commands.js";

/** Identifier that Packer's QEMU builder gives all its artifacts (builder/qemu/artifact.go). */
const QEMU_ARTIFACT_ID = "VM";

const path = z.string().min(1);

const settings = z.strictObject({
  file: path
    .default("packer-manifest.json")
    .describe("path of the file, relative to the current folder; each new image is appended"),
  buildName: z.string().optional().describe("`name` of the entry; the build's name if omitted"),
  builderType: z.string().default("qemu").describe("`builder_type` of the entry"),
  artifactId: z
    .string()
    .min(1)
    .default(QEMU_ARTIFACT_ID)
    .describe(
      "`artifact_id` of the entry, such as the image's path on the server that it is published " +
        "on; `${image.name}` and the other references of `after` have a value in it",
    ),
  stripPath: z.boolean().default(false).describe("write the image's name without its folder"),
  stripTime: z.boolean().default(false).describe("leave out `build_time`"),
  customData: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))
    .optional()
    .describe("texts for `custom_data` of the entry, with the same references"),
});

/** Settings of a manifest. */
type PackerManifestSettings = z.infer<typeof settings>;

/** Schema of `output.packerManifest`. */
export const packerManifestSchema = z
  .union([path, settings])
  .describe(
    "manifest in Packer's format, for programs that read it: the path of the file, or an object",
  );

/** Returns the settings, with their defaults where only a path is given. */
export function packerManifestSettings(
  given: z.infer<typeof packerManifestSchema>,
): PackerManifestSettings {
  return typeof given === "string" ? settings.parse({ file: given }) : given;
}

/** Returns the algorithms whose checksums of the image the entry contains. */
export function checksumsOfManifest({
  artifactId,
  customData = {},
}: PackerManifestSettings): Algorithm[] {
  return checksumsIn([artifactId, ...Object.values(customData)].join("\n"));
}
