/** Defines the flags of `vmbuild run`, and refuses those that exclude each other. */
import { realpath } from "node:fs/promises";
import { VmbuildError } from "../errors.js";
import { planOutput } from "../requirements/plan.js";
import type { Template } from "../template/load.js";
import type { LeaseFlags } from "./commands/lease-options.js";
import type { OutputFlags, TemplateFlags } from "./options.js";

/** Flags of the command. */
export interface RunFlags extends TemplateFlags, OutputFlags, LeaseFlags {
  readonly output?: string;
  readonly onError: "fail" | "pause";
  readonly break?: string[];
  readonly debug?: boolean;
  readonly parallel: number;
  readonly offline?: boolean;
  readonly keepWork?: boolean;
  readonly force?: boolean;
  /** False with `--no-checkpoints`. */
  readonly checkpoints: boolean;
  readonly from?: string;
  readonly until?: string;
  readonly retry?: boolean;
  readonly check?: boolean;
  readonly explain?: boolean;
  readonly json?: boolean;
  readonly detach?: boolean;
  /** Id of the run in the process that `--detach` starts. */
  readonly detachedRun?: string;
}

/**
 * Requires that no two templates have the same name.
 * @throws {VmbuildError} USAGE.
 */
export function requireDifferentNames(templates: readonly Template[]): void {
  const names = templates.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new VmbuildError("USAGE", `Two of the templates have the name ${twice}`);
}

/**
 * Requires a different output folder for each template: the checks of each run could not detect a
 * conflict with another run that has not published anything yet.
 * @throws {VmbuildError} USAGE.
 */
export async function requireDifferentFolders(
  templates: readonly Template[],
  flags: RunFlags,
): Promise<void> {
  if (flags.output !== undefined) return;
  const owners = new Map<string, string>();
  for (const template of templates) {
    const { folder } = planOutput(template);
    const real = await realpath(folder).catch(() => folder); // The folder does not exist yet.
    const other = owners.get(real);
    if (other !== undefined) {
      throw new VmbuildError(
        "USAGE",
        `The templates ${other} and ${template.name} have the same output folder: ${folder}`,
        {
          hint: "Change output.directory in one of them, or use --output DIR, which creates DIR/NAME.",
        },
      );
    }
    owners.set(real, template.name);
  }
}

/**
 * Refuses flags that exclude each other.
 * @param count number of templates.
 * @throws {VmbuildError} USAGE.
 */
export function rejectConflictingFlags(flags: RunFlags, count: number): void {
  const { force, from, retry, checkpoints, output, detach, explain } = flags;
  if (output === "") throw new VmbuildError("USAGE", "--output: the folder path is empty");
  if (detach && explain) {
    throw new VmbuildError("USAGE", "--detach and --explain are mutually exclusive");
  }
  if (flags.detach && count > 1) {
    throw new VmbuildError("USAGE", "--detach starts one build", {
      hint: "Run the command once for each template: each run has a process and an id of its own.",
    });
  }
  const given = [
    ...(force ? ["--force"] : []),
    ...(from === undefined ? [] : ["--from"]),
    ...(retry ? ["--retry"] : []),
    ...(checkpoints ? [] : ["--no-checkpoints"]),
  ];
  if (given.length < 2 || (given.length === 2 && force && !checkpoints)) return;
  throw new VmbuildError("USAGE", `${given.join(" and ")} are mutually exclusive`);
}
