/** Reports what prevented a script from being run in the guest: a line of the wrapper, and an error. */
import { VmbuildError } from "../errors.js";
import type { OutputMarker } from "./output-marker.js";
import { PARENTS, programOf } from "./wrapped-script.js";
import type { WrappedScript } from "./wrapped-script.js";

const PROBLEMS = ["place", "interpreter", "cwd", "user", "switch"] as const;

/** Reason why a script was not run. */
export type ScriptProblem = (typeof PROBLEMS)[number];

const lineOf = ({ id }: OutputMarker, problem: ScriptProblem): string => `${id}-no-${problem}`;

/** Returns a shell command that prints a problem to standard error and ends the shell. */
export function reportProblem(marker: OutputMarker, problem: ScriptProblem): string {
  return `{ echo ${lineOf(marker, problem)} >&2; exit 97; }`;
}

/** Returns the problem that a line of standard error reports; undefined for any other line. Pure. */
export function parseProblem(marker: OutputMarker, line: string): ScriptProblem | undefined {
  return PROBLEMS.find((problem) => line === lineOf(marker, problem));
}

type Describe = (script: WrappedScript) => { readonly message: string; readonly hint: string };

const DESCRIPTIONS: Record<ScriptProblem, Describe> = {
  place: () => ({
    message: `The guest has no place for scripts: neither ${PARENTS.join(" nor ")} can be written`,
    hint: "Check whether these folders exist and have free space.",
  }),
  interpreter: ({ interpreter }) => {
    const name = programOf(interpreter) ?? "";
    const hint = name.endsWith("bash")
      ? 'Install bash in an earlier step, or use sh: "shell": "sh", or #!/bin/sh in a script.'
      : "Install it in an earlier step.";
    return { message: `The guest has no ${name}, which the script needs`, hint };
  },
  cwd: ({ cwd = "", user = "root" }) => ({
    message: `The script's working directory ${cwd} is not a folder of the guest that ${user} can enter`,
    hint: 'Create it in an earlier step, or correct "cwd".',
  }),
  user: ({ user = "" }) => ({
    message: `The guest has no user ${user}, which is to run the script`,
    hint: 'Create it in an earlier step, or correct "user".',
  }),
  switch: ({ user = "" }) => ({
    message: `The guest cannot run the script as ${user}: it has neither setpriv nor su`,
    hint: "Install util-linux in an earlier step.",
  }),
};

/** Returns the error for a script that was not run. */
export function scriptProblemError(problem: ScriptProblem, script: WrappedScript): VmbuildError {
  const { message, hint } = DESCRIPTIONS[problem](script);
  return new VmbuildError("STEP_FAILED", message, { hint });
}
