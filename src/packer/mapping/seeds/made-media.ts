/** Media that commands of a template make before its machine starts, such as a seed ISO. */

/** Files of a medium by their names on it; absolute paths, or the content. */
export type MediumFiles = ReadonlyMap<
  string,
  { readonly path: string } | { readonly content: string }
>;

/** Medium that a command makes. */
export interface Medium {
  /** Label, in the case in which it was given. */
  readonly label: string | undefined;
  readonly files: MediumFiles;
  /** CONTEXT disk of OpenNebula, whose content is made by a script of the template. */
  readonly isContext: boolean;
}

/** Media by the absolute paths of their images. */
export type MadeMedia = ReadonlyMap<string, Medium>;

/** Returns whether a medium is a NoCloud seed. */
export function isNoCloud({ label, files }: Pick<Medium, "label" | "files">): boolean {
  return label?.toLowerCase() === "cidata" || (label === undefined && files.has("user-data"));
}

/** Returns whether a medium is a CONTEXT disk. */
export function isContextDisk({ label, isContext }: Pick<Medium, "label" | "isContext">): boolean {
  return isContext || label?.toUpperCase() === "CONTEXT";
}
