/** Options of the command line about output; apart from the output itself, which loads much more. */

/** The values of `--log-format`. */
export const LOG_FORMATS = ["auto", "terminal", "plain", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** The values of `--color`. */
export const COLOR_CHOICES = ["auto", "always", "never"] as const;
export type ColorChoice = (typeof COLOR_CHOICES)[number];

/** What the command line says about output. */
export interface OutputOptions {
  /** `auto` where absent. */
  readonly logFormat?: LogFormat | undefined;
  /** `auto` where absent. */
  readonly color?: ColorChoice | undefined;
}
