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
const DEBIAN_CLOUD_IMAGE = /\/cloud\/([^/]+)\/(?:[^/]+\/){0,2}debian-[^/]+$/;

/** Matches the architecture in the name of an image with the generic kernel. */
const GENERIC_KERNEL = /-(?:generic|nocloud)-([a-z0-9]+)[^/]*$/;

/** Returns the base that is created from packages with the suite and the kernel of an image. */
function bootstrapped(url: string): unknown {
  const suite = DEBIAN_CLOUD_IMAGE.exec(url)?.[1];
  if (suite === undefined) return undefined;
  // Other images have the cloud kernel, as a base that is created from packages has by default.
  const port = GENERIC_KERNEL.exec(url)?.[1];
  return { bootstrap: { suite, ...(port ? { packages: [`linux-image-${port}`] } : {}) } };
}

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
  bootstrapped: ({ url }) => (typeof url === "string" ? bootstrapped(url) : undefined),
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
