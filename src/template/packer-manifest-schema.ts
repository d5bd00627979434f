/** Defines `output.packerManifest`: the file that Packer's post-processor `manifest` writes. */
import { z } from "zod";

/** Schema of `output.packerManifest`. */
export const packerManifestSchema = z
  .strictObject({
    file: z
      .string()
      .min(1)
      .default("packer-manifest.json")
      .describe("path of the file, relative to the current folder; each new image is appended"),
    buildName: z.string().optional().describe("`name` of the entry; the build's name if omitted"),
    builderType: z.string().default("qemu").describe("`builder_type` of the entry"),
    stripPath: z.boolean().default(false).describe("write the image's name without its folder"),
    stripTime: z.boolean().default(false).describe("leave out `build_time`"),
    customData: z
      .record(z.string(), z.string())
      .optional()
      .describe("texts for `custom_data` of the entry"),
  })
  .describe("manifest in Packer's format, for programs that read it");
