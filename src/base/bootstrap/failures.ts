/** Explains failures of mmdebstrap from apt's messages. */

/**
 * Known failures by apt's messages. The first match counts, because later messages are
 * consequences.
 */
const FAILURES: readonly {
  readonly pattern: RegExp;
  readonly message: (suite: string, subject: string) => string;
  readonly hint: string;
}[] = [
  {
    pattern: /Could not resolve|Temporary failure|Could not connect|Connection (?:refused|timed)/,
    message: () => "The apt mirror of this host cannot be reached",
    hint: "Check the network, and that `apt-get update` works on this host.",
  },
  {
    pattern: /NO_PUBKEY|is not signed|couldn't be verified|EXPKEYSIG/,
    message: (suite) => `This host cannot verify the signature of ${suite}`,
    hint: "Update the keys: apt-get install debian-archive-keyring",
  },
  {
    pattern: /does not have a Release file|404 +Not Found/,
    message: (suite) => `The apt mirror of this host has no suite ${suite}`,
    hint: "Check the name of the suite; bookworm and trixie are known to work.",
  },
  {
    pattern: /doesn't support architecture '([^']+)'/,
    message: (suite, subject) => `${suite} has no packages for ${subject}`,
    hint: "Use a release that has: riscv64 is part of Debian from trixie on.",
  },
  {
    pattern: /Unable to locate package (\S+)/,
    message: (suite, subject) => `${suite} has no package ${subject}`,
    hint: "Check the names in base.bootstrap.packages.",
  },
  {
    pattern: /Package '?([^\s']+)'? has no installation candidate/,
    message: (suite, subject) => `${suite} has no package ${subject}`,
    hint: "Check whether apt on this host uses the component that contains it, such as contrib.",
  },
  {
    pattern: /No space left on device/,
    message: () => "The disk became full while packages were unpacked",
    hint: "Free some space, or set TMPDIR to a folder that has some.",
  },
];

/**
 * Returns a message, and a hint where the cause is known, from mmdebstrap's output.
 * @param what it was to make, for a failure of unknown cause.
 */
export function explainFailure(
  suite: string,
  lines: readonly string[],
  what = `a root file system for ${suite}`,
): { message: string; hint?: string } {
  for (const { pattern, message, hint } of FAILURES) {
    const matches = lines.map((line) => pattern.exec(line)).filter((match) => match !== null);
    const subjects = new Set(matches.map((match) => match[1] ?? ""));
    if (matches.length > 0) return { message: message(suite, [...subjects].join(", ")), hint };
  }
  return { message: `mmdebstrap could not create ${what}` };
}

/** Lines that contain apt's errors. The end of the output may contain only their consequences. */
export const ERROR_LINE = /^(E|W|Err):|doesn't support architecture|Unable to|Could not|error:/;
