/** Runs mmdebstrap to its end, and explains its failures. */
import { VmbuildError } from "../../errors.js";
import type { Emit } from "../../events/types.js";
import { describeExit } from "../../host/programs.js";
import { ERROR_LINE, explainFailure } from "./failures.js";
import { runSupervised } from "./supervise.js";

/**
 * apt settings of the host that are needed to reach its mirror. They apply while mmdebstrap runs
 * and are then removed with 99mmdebstrap. Proxies are taken from the environment.
 */
const APT_OPTIONS = [
  'Acquire::Languages "none"',
  'Acquire::Retries "3"',
  // The tree is in a private folder, which apt's own user cannot enter.
  'APT::Sandbox::User "root"',
  'Dir::Etc::netrc "/etc/apt/auth.conf"',
  'Dir::Etc::netrcparts "/etc/apt/auth.conf.d"',
];

/**
 * Returns the arguments of mmdebstrap for apt.
 * @param sources source list in deb822 format; undefined for mmdebstrap's default mirror.
 */
export function aptArguments(
  sources: string | undefined,
  more: readonly string[] = [],
): readonly string[] {
  return [
    ...[...APT_OPTIONS, ...more].map((option) => `--aptopt=${option}`),
    // The sources name their keyring. mmdebstrap's search for one would leave a folder behind when
    // it is killed.
    ...(sources === undefined ? [] : ["--skip=check/signed-by"]),
  ];
}

/** One run of mmdebstrap. */
export interface MmdebstrapRun {
  /** Program that starts mmdebstrap, or mmdebstrap itself, and all arguments. */
  readonly command: readonly [string, ...string[]];
  readonly suite: string;
  /** Variables of the environment besides those of this process. */
  readonly env: Readonly<Record<string, string>>;
  /** What is made, for a failure of unknown cause; a root file system unless given. */
  readonly subject?: string;
  /** Beginning of the lines with which a hook of the caller reports an error. */
  readonly hookErrors?: string;
  /** Called with each line of output. */
  readonly onLine?: (line: string) => void;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Number of error lines that are kept; the later ones are consequences. */
const KEPT_ERRORS = 20;

/**
 * Runs mmdebstrap; none of its processes survives.
 * @throws {VmbuildError} BASE_BOOTSTRAP with its errors and last lines; the signal's reason.
 */
export async function runMmdebstrap(run: MmdebstrapRun): Promise<void> {
  const { command, suite, env, subject, hookErrors, onLine, emit, signal } = run;
  const [program, ...args] = command;
  const errors: string[] = [];
  const isError = (line: string): boolean =>
    ERROR_LINE.test(line) || (hookErrors !== undefined && line.startsWith(hookErrors));
  const result = await runSupervised(program, args, {
    signal,
    env,
    onLine: (line, stream) => {
      onLine?.(line);
      if (errors.length < KEPT_ERRORS && isError(line)) errors.push(line);
      emit({ type: "output", source: "mmdebstrap", stream, line });
    },
  });
  if (result.exitCode === 0) return;
  const lines = [...new Set([...errors, ...result.lastLines])];
  const { message, hint } = explainFailure(suite, lines, subject);
  const details = { suite, end: describeExit(result) };
  throw new VmbuildError("BASE_BOOTSTRAP", message, { hint, lines, details });
}
