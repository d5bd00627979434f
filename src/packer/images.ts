/** Loads the images of a Packer template as templates of vmbuild. */
import { createHash } from "node:crypto";
import { VmbuildError } from "../errors.js";
import { loadDocument } from "../template/load.js";
import type { LoadOptions, Template } from "../template/load.js";
import { ConvertedDocument } from "./document.js";
import { loadPackerTemplateWithData } from "./load-with-data.js";
import { convertTemplate } from "./mapping/convert.js";
import type { Conversion } from "./mapping/convert.js";
import { formatEntry } from "./mapping/report.js";
import type { ReportEntry } from "./mapping/report.js";
import type { PackerLoadOptions, PackerTemplate } from "./model.js";

/** Result of reading and converting a Packer template. */
export interface ConvertedTemplate {
  readonly template: PackerTemplate;
  readonly images: readonly Conversion[];
  /** Sources of other builders. */
  readonly others: readonly ReportEntry[];
  readonly warnings: readonly string[];
}

/**
 * Reads and converts a Packer template.
 * @param resultFolder folder of the paths of the results; Packer's working folder by default.
 * @throws {VmbuildError} TEMPLATE_INVALID with all problems; TEMPLATE_NOT_FOUND.
 */
export async function convertPackerTemplate(
  path: string,
  options: PackerLoadOptions,
  resultFolder?: string,
): Promise<ConvertedTemplate> {
  const { template, warnings } = await loadPackerTemplateWithData(path, options);
  const { images, others } = await convertTemplate(template, { resultFolder });
  if (images.length === 0) {
    const lines = others.map(formatEntry);
    throw new VmbuildError("TEMPLATE_INVALID", `${path} describes no image that QEMU builds`, {
      lines,
      hint: "vmbuild builds the sources of Packer's builder qemu.",
    });
  }
  const shown = warnings.map(({ message, place }) =>
    place ? `${place.file}:${place.line}:${place.column}: ${message}` : message,
  );
  return { template, images, others, warnings: shown };
}

/** Throws if a part of an image's template is refused. */
function requireFollowed({ id, report }: Conversion, path: string): void {
  const refused = report.filter(({ outcome }) => outcome === "refused");
  if (refused.length === 0) return;
  const what = refused.length === 1 ? "a part" : `${refused.length} parts`;
  throw new VmbuildError(
    "TEMPLATE_INVALID",
    `${path}: ${id} has ${what} that vmbuild cannot follow`,
    {
      lines: refused.map(formatEntry),
      hint: "Change them, or convert the template with `vmbuild import`, and do what is left by hand.",
    },
  );
}

/** Settings for {@link loadPackerImages}. */
export interface PackerImageOptions extends PackerLoadOptions {
  /** Overrides and inputs of vmbuild. */
  readonly load: Pick<LoadOptions, "overrides" | "inputs">;
  /** Loads images with parts that vmbuild cannot follow, to show them. */
  readonly allowsRefused?: boolean;
}

/** Image of a Packer template, as a template of vmbuild. */
export interface PackerImage {
  /** Identifier in Packer: `build.qemu.x`, `qemu.x`, or an older builder's name. */
  readonly id: string;
  readonly template: Template;
}

/** Images of a Packer template, and what else it describes. */
export interface PackerImages extends Pick<ConvertedTemplate, "others" | "warnings"> {
  readonly images: readonly PackerImage[];
}

/**
 * Loads all images of a Packer template with their identifiers.
 * @param path absolute path of a file or a folder.
 * @throws {VmbuildError} TEMPLATE_INVALID with all problems; TEMPLATE_NOT_FOUND.
 */
export async function loadPackerBuilds(
  path: string,
  { load, allowsRefused = false, ...options }: PackerImageOptions,
): Promise<PackerImages> {
  const { template, images, others, warnings } = await convertPackerTemplate(path, options);
  const [file = path] = template.files;
  if (!allowsRefused) for (const image of images) requireFollowed(image, file);
  const loaded: PackerImage[] = [];
  for (const image of images) {
    const text = JSON.stringify(image.template);
    const digest = createHash("sha256").update(text).digest("hex");
    const document = new ConvertedDocument(file, image);
    // The variables have their values already.
    const one = await loadDocument(
      document,
      { path: file, folder: template.cwd, digest },
      { ...load, variables: {}, variableFiles: [], environment: {} },
    );
    const secrets = [...new Set([...one.secrets, ...template.secrets])];
    loaded.push({ id: image.id, template: { ...one, secrets, packer: image.report } });
  }
  return { images: loaded, others, warnings };
}

/**
 * Loads all images of a Packer template.
 * @param path absolute path of a file or a folder.
 * @throws {VmbuildError} TEMPLATE_INVALID with all problems; TEMPLATE_NOT_FOUND.
 */
export async function loadPackerImages(
  path: string,
  options: PackerImageOptions,
): Promise<Template[]> {
  const { images } = await loadPackerBuilds(path, options);
  return images.map(({ template }) => template);
}
