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

/**
 * Matches the suite in the address of one of Debian's cloud images, which may be a reference:
 * `https://cloud.debian.org/images/cloud/trixie/latest/debian-13-generic-amd64.qcow2`.
 */
const DEBIAN_CLOUD_IMAGE = /\/cloud\/([^/]+)\/(?:[^/]+\/)?debian-[^/]+$/;

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
  bootstrapped({ url }) {
    const suite = typeof url === "string" ? DEBIAN_CLOUD_IMAGE.exec(url)?.[1] : undefined;
    return suite === undefined ? undefined : { bootstrap: { suite } };
  },
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
