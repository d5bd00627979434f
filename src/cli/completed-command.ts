/** Types that describe commands and options for completion scripts. */

/** Values to which a word can be completed. */
export type Values =
  | { readonly kind: "none" }
  | { readonly kind: "files" }
  | { readonly kind: "words"; readonly words: readonly string[] }
  /** Names of templates, which the script reads from vmbuild, or files. */
  | { readonly kind: "templates" }
  /** Names of builds, which the script reads from vmbuild, and subcommands. */
  | { readonly kind: "builds"; readonly subcommands: readonly string[] };

/** Option as completion scripts need it. */
export interface CompletedOption {
  /** Spellings of the option: `-h`, `--help`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined for a switch. */
  readonly values: Values | undefined;
}

/** Command as completion scripts need it. */
export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  readonly argument: Values;
}
