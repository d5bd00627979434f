/** What the conversion of one image works with. */
import { dirname, isAbsolute, relative, resolve } from "node:path";
import type { PackerBuild, PackerBuildSource, PackerTemplate } from "../model.js";
import type { Draft } from "./json.js";
import type { Keeper } from "./keep.js";
import { textOf } from "./plain.js";
import type { Report } from "./report.js";
import type { RuntimeValues } from "./runtime.js";
import type { MadeMedia } from "./seeds/made-media.js";

/** Inputs of the conversion of one image. */
export interface ImageContext {
  readonly template: PackerTemplate;
  readonly build: PackerBuild;
  readonly source: PackerBuildSource;
  readonly keeper: Keeper;
  readonly report: Report;
  readonly draft: Draft;
  /** Name of the image in vmbuild. */
  readonly name: string;
  /** Folder to which the paths of the result are relative; absolute. */
  readonly resultFolder: string;
  /** Media that commands of the template make. */
  readonly media: MadeMedia;
  /** Files that commands of the template copy, and what each is a copy of; absolute paths. */
  readonly copies: ReadonlyMap<string, string>;
  /** Values of Go template code. */
  readonly runtime: RuntimeValues;
}

/** Login of an image that steps depend on. */
export interface GuestLogin {
  /** User of the login. */
  readonly user: string;
  /** Home folder of that user. */
  readonly home: string;
  /** The guest is entered at all. */
  readonly hasGuest: boolean;
}

/** Returns the home folder that a user has by custom. */
export function homeOf(user: string): string {
  return user === "root" ? "/root" : `/home/${user}`;
}

/** Returns the absolute path of a path in an option. */
export function absolutePath({ template }: Pick<ImageContext, "template">, path: string): string {
  return resolve(template.cwd, path);
}

/** Returns an absolute path relative to Packer's working folder where it is below that. */
export function pathInOption({ template }: Pick<ImageContext, "template">, path: string): string {
  const { cwd } = template;
  return path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : path;
}

/** Returns whether the file of an option is in the folder of the image. */
export function isBesideImage(
  { draft, template }: Pick<ImageContext, "draft" | "template">,
  file: string,
): boolean {
  const folder = textOf(draft.get(["output", "directory"])) ?? "";
  return resolve(template.cwd, folder) === resolve(template.cwd, dirname(file));
}

/**
 * Returns a path in an option as the result refers to it.
 * @param kept the path with references to variables, used where the folder stays the same.
 */
export function resultPath(
  { template, resultFolder }: Pick<ImageContext, "template" | "resultFolder">,
  path: string,
  kept: string = path,
): string {
  if (isAbsolute(path) || resultFolder === template.cwd) return kept;
  const moved = relative(resultFolder, resolve(template.cwd, path));
  return path.endsWith("/") ? `${moved}/` : moved;
}
