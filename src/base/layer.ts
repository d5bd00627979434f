/** One layer of a packed base: a file, an archive in it, the disk image inside. */
import type { Content } from "../inputs/content-kind.js";

/** A file on the way to the disk image. */
export interface Layer {
  readonly path: string;
  /** Its own name, without folders. */
  readonly name: string;
  /** The subject of a message: `The base URL`, `disk.raw in the base URL`. */
  readonly what: string;
  readonly content: Content;
  /** Whether it lies in the scratch folder. */
  readonly isTemporary: boolean;
  /** Files that hold data of it; absolute. */
  readonly extents: readonly string[];
}
