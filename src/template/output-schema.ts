/** Defines `output` of a template: the images, their checksums and their manifest. */
import { z } from "zod";
import { compressionOf } from "../artifact/compact.js";
import { ALGORITHMS } from "../artifact/digest.js";
import { imageFilename } from "../artifact/names.js";
import { PACKS } from "../artifact/packs.js";
import { COMPRESSIONS, IMAGE_FORMATS, SUBFORMATS, formatNamed } from "../artifact/registry.js";
import { sizeText } from "../sizes.js";
import {
  checksumsOfManifest,
  packerManifestSchema,
  packerManifestSettings,
} from "./packer-manifest-schema.js";
import { patchesSchema } from "./patches-schema.js";
import { provenanceSchema } from "./provenance-schema.js";
import type { JsonPath } from "./document.js";

/** Format of an image where a template does not name one. */
const DEFAULT_FORMAT = "qcow2";

/** Name and version as a template refers to them. */
const REFERENCES = { name: "${name}", version: "${version}" };

const fileName = z
  .string()
  .regex(/^[^/\0]+$/, "must be a file name without folders")
  .refine((name) => name !== "." && name !== "..", "must be a file name");

/** Settings of an image whose defaults depend on its format. */
const imageSettings = {
  subformat: z
    .enum(SUBFORMATS)
    .optional()
    .describe(
      "variant of the format: vmdk is monolithicSparse unless given, or streamOptimized " +
        "(compressed, for vSphere); vhd is fixed",
    ),
  pack: z
    .enum(PACKS)
    .optional()
    .describe(
      "compress the whole file with xz, zstd or gzip, and add .xz, .zst or .gz to its default " +
        "name; no machine starts from such a file",
    ),
  vagrantfile: z
    .string()
    .optional()
    .describe("text that is added to the Vagrantfile of a box, and has priority over it"),
  boxFiles: z
    .record(fileName, z.string())
    .optional()
    .describe("further files of a Vagrant box by their names, such as info.json; their text"),
};

interface ImageSettings {
  readonly format: (typeof IMAGE_FORMATS)[number];
  readonly subformat?: string | undefined;
  readonly compression?: (typeof COMPRESSIONS)[number] | undefined;
  readonly pack?: (typeof PACKS)[number] | undefined;
  readonly vagrantfile?: string | undefined;
  readonly boxFiles?: Readonly<Record<string, string>> | undefined;
}

/** Reports settings that the format does not support. */
export function checkImage(image: ImageSettings, context: z.core.$RefinementCtx): void {
  const { compressions, subformats, packable, ownBoxFiles } = formatNamed(image.format);
  const refuse = (key: string, message: string): void => {
    context.addIssue({ code: "custom", path: [key], message });
  };
  if (image.compression !== undefined && !compressions.includes(image.compression)) {
    refuse(
      "compression",
      compressions.length === 1 && compressions[0] === "none"
        ? `a ${image.format} image cannot be compressed`
        : `the format ${image.format} supports the compressions ${compressions.join(", ")}`,
    );
  }
  if (image.subformat !== undefined && !subformats.includes(image.subformat)) {
    refuse(
      "subformat",
      subformats.length === 0
        ? `the format ${image.format} has no variants`
        : `the format ${image.format} has the variants ${subformats.join(", ")}`,
    );
  }
  if (image.pack !== undefined && !packable) {
    refuse("pack", `a file of the format ${image.format} is compressed already`);
  }
  if (image.vagrantfile !== undefined && ownBoxFiles === undefined) {
    refuse("vagrantfile", `an image of the format ${image.format} has no Vagrantfile`);
  }
  if (image.boxFiles !== undefined && ownBoxFiles === undefined) {
    refuse("boxFiles", `an image of the format ${image.format} is no Vagrant box`);
  }
  const own = ownBoxFiles?.find((name) => image.boxFiles?.[name] !== undefined);
  if (own !== undefined) refuse("boxFiles", `vmbuild writes ${own} itself`);
}

/** Fields of an image beside the first one. */
export const imageFields = {
  format: z.enum(IMAGE_FORMATS).describe("image format"),
  filename: fileName
    .optional()
    .describe("file name of the image; NAME-VERSION and the format's extension unless given"),
  compression: z.enum(COMPRESSIONS).optional().describe("as output.compression"),
  subformat: imageSettings.subformat.describe("as output.subformat"),
  pack: imageSettings.pack.describe("as output.pack"),
  vagrantfile: imageSettings.vagrantfile.describe("as output.vagrantfile"),
  boxFiles: imageSettings.boxFiles.describe("as output.boxFiles"),
};

const furtherImage = z.strictObject(imageFields).superRefine(checkImage).describe("further image");

/** Schema of `output`. */
export const outputSchema = z
  .strictObject({
    directory: z
      .string()
      .refine((path) => /^[^\0]+$/.test(path), "must be the path of a folder, and not empty")
      .default("output/${name}")
      .describe("output folder, relative to the current folder"),
    filename: fileName
      .optional()
      .meta({ default: imageFilename({ ...REFERENCES, output: { format: DEFAULT_FORMAT } }) })
      .describe(
        "file name of the image; if omitted, its extension is that of the format, .box for " +
          "vagrant-libvirt",
      ),
    format: z
      .enum(IMAGE_FORMATS)
      .default(DEFAULT_FORMAT)
      .describe(
        "image format; vhd is for Azure and Hyper-V (the disk is enlarged to whole MiB), ova is a " +
          "virtual machine in one file, vagrant-libvirt is a Vagrant box",
      ),
    ...imageSettings,
    compression: z
      .enum(COMPRESSIONS)
      .optional()
      .meta({ default: compressionOf(DEFAULT_FORMAT, undefined) })
      .describe(
        "zstd (read by QEMU 5.1 and later), zlib (for older readers), or none, which is the " +
          "default with pack; other formats than qcow2 do not have the choice",
      ),
    formats: z
      .array(furtherImage)
      .default([])
      .describe(
        "further images of the same disk, each with its own checksums; boot, test, marketplace " +
          "and base.appliance use the first image that a machine can start from",
      ),
    reproducible: z
      .boolean()
      .default(false)
      .describe("write identical bytes for identical disks; conversion takes longer"),
    packages: z
      .boolean()
      .default(true)
      .describe(
        "list the packages of the guest beside the image: packages.txt, and sbom.cdx.json, a " +
          "software bill of materials (CycloneDX)",
      ),
    provenance: provenanceSchema,
    checksums: z
      .array(z.enum(ALGORITHMS))
      .default(["sha256", "md5"])
      .describe("checksum files to write beside each image, one per algorithm"),
    packerManifest: packerManifestSchema.optional(),
    patches: patchesSchema.optional(),
  })
  .superRefine(checkImage)
  .superRefine(({ packerManifest, checksums }, context) => {
    if (packerManifest === undefined) return;
    const used = checksumsOfManifest(packerManifestSettings(packerManifest));
    const missing = used.filter((algorithm) => !checksums.includes(algorithm));
    for (const algorithm of missing) {
      const message = `\${image.${algorithm}} has no value, because output.checksums does not contain ${algorithm}`;
      context.addIssue({ code: "custom", path: ["packerManifest"], message });
    }
  })
  .describe("artifact: the images, their checksums and their manifest");

/** Sizes of a machine's disks in bytes, and the images of those that are published. */
interface DiskSizes {
  readonly disk: number;
  readonly disks: readonly {
    readonly size?: number | undefined;
    readonly publish: boolean | ImageSettings;
  }[];
}

/** Describes why a format cannot hold a disk of the size, in bytes; undefined where it can. */
function limitProblem(format: ImageSettings["format"], size: number, field: string) {
  const { largestDisk } = formatNamed(format);
  if (largestDisk === undefined || size <= largestDisk) return undefined;
  return `a ${format} image holds a disk of at most ${sizeText(largestDisk)}; ${field} is ${sizeText(size)}`;
}

/** Returns each image whose format cannot hold its disk. */
export function diskLimitProblems(
  output: ImageSettings & { readonly formats: readonly ImageSettings[] },
  { disk, disks }: DiskSizes,
): { path: JsonPath; message: string }[] {
  const images = [output, ...output.formats].map(({ format }, index) => {
    const place = index === 0 ? ["output"] : ["output", "formats", index - 1];
    return { path: [...place, "format"], message: limitProblem(format, disk, "machine.disk") };
  });
  const others = disks.map(({ size, publish }, index) => {
    const limit = typeof publish === "object" && size !== undefined;
    const message = limit ? limitProblem(publish.format, size, "its size") : undefined;
    return { path: ["machine", "disks", index, "publish", "format"], message };
  });
  return [...images, ...others].flatMap(({ path, message }) =>
    message === undefined ? [] : [{ path, message }],
  );
}
