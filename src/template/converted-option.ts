/** Option of another program's template, and what became of it in vmbuild's. */

/** What becomes of an option: fields of the template, nothing because nothing is needed, or an error. */
export type Outcome = "mapped" | "nothing" | "refused";

/** What became of one option. */
export interface ConvertedOption {
  /** File, and line and column from 1. */
  readonly place: { readonly file: string; readonly line: number; readonly column: number };
  /** Block and option: `qemu.debian memory`, `provisioner shell inline`. */
  readonly subject: string;
  readonly outcome: Outcome;
  /** Fields, reason, or what to do. */
  readonly text: string;
}
