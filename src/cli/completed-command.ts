/** Commands and options as completion scripts need them. */

/** Values that a word can be completed to. */
export type Values =
  | { readonly kind: "none" }
  | { readonly kind: "files" }
  | { readonly kind: "words"; readonly words: readonly string[] }
  /** Names of templates (or files); the script asks vmbuild for them. */
  | { readonly kind: "templates" }
  /** Names of builds, which the script asks vmbuild for, and subcommands. */
  | { readonly kind: "builds"; readonly subcommands: readonly string[] };

/** An option, as completion scripts need it. */
export interface CompletedOption {
  /** `-h`, `--help`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined for a switch. */
  readonly values: Values | undefined;
}

/** A command, as completion scripts need it. */
export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  readonly argument: Values;
}
