/** Writes the images of a release as a variable of OpenTofu and Terraform. */
import { VmbuildError } from "../errors.js";
import { imageAsset } from "./names.js";
import type { CatalogEntry } from "./catalog.js";

/** Fields of an image in the map. Sizes are bytes. */
export interface TofuImage {
  readonly file: string;
  readonly version: string;
  readonly size: number;
  readonly sha256: string;
  /** Addresses of the image or of its parts, in order; empty where the store has none. */
  readonly urls: readonly string[];
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/**
 * Returns a map from names to images, as the text of a `*.auto.tfvars.json` file.
 * @param variable name of the variable.
 * @throws {VmbuildError} USAGE for a name that is not one; the error of an entry; RELEASE_INVALID
 *   for an image without a sha256.
 */
export function formatTofu(entries: readonly CatalogEntry[], variable: string): string {
  if (!VARIABLE.test(variable)) {
    throw new VmbuildError("USAGE", `--variable ${variable} is not the name of a variable`);
  }
  const images: Record<string, TofuImage> = {};
  for (const { name, image, error } of entries) {
    if (error) throw error;
    if (!image) continue;
    const { size, sha256, parts, index } = image;
    if (sha256 === undefined) {
      throw new VmbuildError("RELEASE_INVALID", `The release has no sha256 of ${name}`);
    }
    const urls = parts.flatMap(({ asset }) => asset.url ?? []);
    const version = index?.version ?? "";
    images[name] = { file: imageAsset(name), version, size, sha256, urls };
  }
  return `${JSON.stringify({ [variable]: images }, undefined, 2)}\n`;
}
