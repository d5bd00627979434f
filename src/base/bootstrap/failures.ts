/** Why mmdebstrap failed, from the words of apt. */

/** What went wrong, by apt's own words; the first that fits is the cause of later ones. */
const FAILURES: readonly {
  readonly pattern: RegExp;
  readonly message: (suite: string, subject: string) => string;
  readonly hint: string;
}[] = [
  {
    pattern: /Could not resolve|Temporary failure|Could not connect|Connection (?:refused|timed)/,
    message: () => "the mirror of this host's apt cannot be reached",
    hint: "Check the network, and that `apt-get update` works on this host.",
  },
  {
    pattern: /NO_PUBKEY|is not signed|couldn't be verified|EXPKEYSIG/,
    message: (suite) => `this host cannot check the signature of ${suite}`,
    hint: "Its keys may be newer than the host's: apt-get install debian-archive-keyring",
  },
  {
    pattern: /does not have a Release file|404 +Not Found/,
    message: (suite) => `the mirror of this host's apt has no suite ${suite}`,
    hint: "Check the suite's name; bookworm and trixie are known to work.",
  },
  {
    pattern: /Unable to locate package (\S+)/,
    message: (suite, subject) => `${suite} has no package ${subject}`,
    hint: "Check the names in base.bootstrap.packages.",
  },
  {
    pattern: /Package '?([^\s']+)'? has no installation candidate/,
    message: (suite, subject) => `${suite} has no package ${subject}`,
    hint: "It may be in a component that this host's apt does not use, such as contrib.",
  },
  {
    pattern: /No space left on device/,
    message: () => "the disk became full while the packages were unpacked",
    hint: "Free some space, or set TMPDIR to a folder that has some.",
  },
];

/** A message, and a hint where the cause is known, from mmdebstrap's lines. */
export function explainFailure(
  suite: string,
  lines: readonly string[],
): { message: string; hint?: string } {
  for (const { pattern, message, hint } of FAILURES) {
    const matches = lines.map((line) => pattern.exec(line)).filter((match) => match !== null);
    const subjects = new Set(matches.map((match) => match[1] ?? ""));
    if (matches.length > 0) return { message: message(suite, [...subjects].join(", ")), hint };
  }
  return { message: `mmdebstrap could not make a root file system of ${suite}` };
}

/** Lines that tell how apt's own parts went wrong; the tail alone may hold only consequences. */
export const TELLING = /^(E|W|Err):|Unable to|Could not|error:/;
