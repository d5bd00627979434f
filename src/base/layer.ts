/** Defines the layers of a packed base: the file, an archive in it, the disk image inside. */
import type { Content } from "../inputs/content-kind.js";

/** Layer between the packed file and the disk image. */
export interface Layer {
  readonly path: string;
  /** File name without folders. */
  readonly name: string;
  /** Subject of a message: `The base URL`, `disk.raw in the base URL`. */
  readonly what: string;
  readonly content: Content;
  /** True when the file is in the scratch folder. */
  readonly isTemporary: boolean;
  /** Absolute paths of files that contain data of the image. */
  readonly extents: readonly string[];
}

const CONTENT_OF = "The content of ";

/** Names what a compressed file contains, as the subject of a message; nested names stay short. */
export function contentOf(what: string): string {
  return what.startsWith(CONTENT_OF) ? what : `${CONTENT_OF}${what.replace(/^The /, "the ")}`;
}
