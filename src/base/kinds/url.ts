import { z } from "zod";
import { inputLocation } from "../../inputs/inputs.js";
import {
  refuseUnusedSignature,
  urlFiles,
  urlPrograms,
  urlSourceFields,
  urlSpec,
} from "../../inputs/url-source.js";
import { inspectFromInput, resolveFromInput } from "../from-input.js";
import { defineBaseKind } from "../kind.js";

const schema = z
  .strictObject(urlSourceFields)
  .superRefine(refuseUnusedSignature)
  .describe(
    "disk image that is downloaded: qcow2 or raw; VMDK, VHD, VHDX and VDI are converted, compressed images and archives (tar, zip, OVA) are unpacked; the result is cached",
  );

type Definition = z.infer<typeof schema>;

const specOf = (base: Definition, folder: string) => urlSpec(base, folder);

/** Disk image that is downloaded. */
export const urlBase = defineBaseKind<Definition>({
  name: "url",
  form: "{url, checksum}",
  schema,
  // A download could otherwise refer to any file that the caller can read, and copy it into the
  // artifact.
  mayUseOtherFiles: false,
  source: specOf,
  resolve: (base, context) => resolveFromInput(specOf(base, context.templateFolder), context),
  programs: (base, { templateFolder }) =>
    urlPrograms({ ...specOf(base, templateFolder), unpack: true }),
  check(base, { templateFolder }) {
    const spec = specOf(base, templateFolder);
    const image = inputLocation(spec);
    return Promise.resolve({
      files: urlFiles(spec),
      image,
      absent: "the base has not been downloaded yet",
    });
  },
  inspect: (base, { templateFolder }) => inspectFromInput(specOf(base, templateFolder)),
});
