import { z } from "zod";
import { displayUrl } from "../address.js";
import { cacheEntry } from "../cache.js";
import { commonInputFields, defineInputKind } from "../kind.js";
import { unpackedPath } from "../unpack.js";
import { compareUrl } from "../url-freshness.js";
import { resolveUrl } from "../url-input.js";
import {
  refuseUnusedSignature,
  urlFiles,
  urlPrograms,
  urlSourceFields,
  urlSpec,
} from "../url-source.js";
import type { UrlSpec } from "../url-source.js";

const schema = z
  .strictObject({
    ...urlSourceFields,
    unpack: z
      .boolean()
      .default(false)
      .describe("decompress the file (.xz, .gz, .zst, .bz2, .lz4) and cache the result"),
    ...commonInputFields,
  })
  .superRefine(refuseUnusedSignature)
  .describe("file that is downloaded");

/** Input kind for a file that is downloaded. */
export const urlInput = defineInputKind<z.infer<typeof schema>, UrlSpec>({
  name: "url",
  form: "{url, checksum}",
  schema,
  isLocal: false,
  digestIsStable: true,
  toSpec: (definition, folder) => urlSpec(definition, folder, definition.unpack),
  location(spec, cacheFolder) {
    const { file } = cacheEntry(spec.url, cacheFolder);
    return spec.unpack ? unpackedPath(file) : file;
  },
  resolve: resolveUrl,
  compare: (_name, spec, known, context) => compareUrl(spec, known, context),
  programs: urlPrograms,
  files: urlFiles,
  inspect: ({ url, checksum }, path) => ({
    origin: displayUrl(url),
    pinned: { label: "checksum", value: checksum },
    path,
    present: "cached",
    absent: "not cached",
  }),
});
