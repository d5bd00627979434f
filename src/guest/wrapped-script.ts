/** Defines a script that runs in the guest, and where it is stored meanwhile. */

/** Script and how it is run. */
export interface WrappedScript {
  readonly content: Buffer | string;
  /** Program that reads the script, with arguments: `["/bin/bash"]`. */
  readonly interpreter: readonly string[];
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Working directory, absolute; by default the home directory. */
  readonly cwd?: string | undefined;
  /** User that runs the script; by default root. */
  readonly user?: string | undefined;
}

/** Folders for a script while it runs: in memory where possible, and never in the image. */
export const PARENTS = ["/run", "/tmp"] as const;

/**
 * Returns the program that an interpreter's words name: the first, or the one that env(1) runs;
 * undefined where env(1) has options or variables.
 */
export function programOf([program = "", next]: readonly string[]): string | undefined {
  if (!/(^|\/)env$/.test(program)) return program;
  return next !== undefined && /^[^-=][^=]*$/.test(next) ? next : undefined;
}
