import { z } from "zod";
import { commonInputFields, defineInputKind } from "../kind.js";
import { DEFAULT_PLATFORM, compareOci, ociEntry, resolveOci } from "../oci-input.js";
import type { OciSpec } from "../oci-input.js";
import { parseReference } from "../oci-reference.js";

const schema = z
  .strictObject({
    oci: z
      .string()
      .refine(
        (text) => parseReference(text) !== undefined,
        "an OCI reference has the form REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:<hex>",
      )
      .describe("image reference: REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:<hex>"),
    platform: z
      .string()
      .regex(/^linux\/[a-z0-9]+$/, "a platform has the form linux/ARCHITECTURE")
      .default(DEFAULT_PLATFORM)
      .describe("platform of the image where there are several, such as linux/arm64"),
    ...commonInputFields,
  })
  .describe("files of an OCI image with a single layer");

/** Input kind for the files of an OCI image. */
export const ociInput = defineInputKind<z.infer<typeof schema>, OciSpec>({
  name: "oci",
  form: "{oci}",
  schema,
  isLocal: false,
  digestIsStable: false,
  toSpec: ({ oci, platform }) => ({ kind: "oci", image: oci, platform }),
  location: (spec, cacheFolder) => ociEntry(spec, cacheFolder).tree,
  resolve: resolveOci,
  compare: (_name, spec, known, context) => compareOci(spec, known, context),
  programs: () => ["tar"],
  files: () => [],
  inspect: ({ image }, path) => ({
    origin: image,
    path,
    present: "cached",
    absent: "not cached",
  }),
});
