/** Interprets the flags of `vmbuild run` for a template. */
import { resolve } from "node:path";
import { failedStepOf } from "../builds/records.js";
import { VmbuildError } from "../errors.js";
import { parseDuration } from "../fields.js";
import { statIfThere } from "../host/files.js";
import { requirePrograms } from "../requirements/host.js";
import type { BuildOptions } from "../run/context.js";
import type { Breakpoint } from "../run/pause.js";
import type { Template } from "../template/load.js";
import { CREATE_PATCHES } from "../template/variable-sources.js";
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
  readonly maxAge?: string;
  /** False with `--no-checkpoints`. */
  readonly checkpoints: boolean;
  readonly from?: string;
  readonly until?: string;
  readonly retry?: boolean;
  readonly check?: boolean;
  readonly explain?: boolean;
  /** All templates of the folder of appliances. */
  readonly all?: boolean;
  /** False with `--no-bases`: the images of other templates are used as they are. */
  readonly bases: boolean;
  readonly json?: boolean;
  /** Installs vmbuild on the other host, if it is missing. */
  readonly install?: boolean;
  readonly include?: string[];
  readonly fetch?: "yes" | "no";
  readonly requireClean?: boolean;
  readonly skipCommit?: boolean;
  readonly commitManifest?: boolean;
  readonly detach?: boolean;
  /** Id of the run in the process that `--detach` starts. */
  readonly detachedRun?: string;
}

/**
 * Parses `--break`.
 * @throws {VmbuildError} USAGE when the template has no such step.
 */
export function parseBreakpoint(text: string, template: Template): Breakpoint {
  const match = /^(before|after):(.+)$/.exec(text);
  const [, when, step] = match ?? [];
  const names = template.steps.map(({ name }) => name);
  if ((when === "before" || when === "after") && step !== undefined && names.includes(step)) {
    return { when, step };
  }
  throw new VmbuildError("USAGE", `--break ${text}: use before:STEP or after:STEP`, {
    hint: `The steps of ${template.name} are ${names.join(", ")}.`,
  });
}

/**
 * Parses `--max-age`.
 * @returns milliseconds; undefined without the flag.
 * @throws {VmbuildError} USAGE.
 */
export function maxAgeOf({ maxAge }: Pick<RunFlags, "maxAge">): number | undefined {
  if (maxAge === undefined) return undefined;
  const milliseconds = parseDuration(maxAge);
  if (milliseconds !== undefined && milliseconds > 0) return milliseconds;
  throw new VmbuildError("USAGE", `--max-age ${maxAge} is not a duration`, {
    hint: "Use for example 7d, 12h or 1d12h.",
  });
}

/**
 * Requires that the step of a flag exists.
 * @throws {VmbuildError} USAGE when the template has no such step.
 */
function requireStep(flag: string, step: string | undefined, template: Template) {
  const names = template.steps.map(({ name }) => name);
  if (step === undefined || names.includes(step)) return step;
  throw new VmbuildError("USAGE", `${flag} ${step}: ${template.name} has no such step`, {
    hint: `Its steps are ${names.join(", ")}.`,
  });
}

/** Returns the first step to run: the named one, or the one in which the last run failed. */
async function firstStep(template: Template, flags: RunFlags): Promise<string | undefined> {
  if (flags.from !== undefined) return requireStep("--from", flags.from, template);
  if (!flags.retry) return undefined;
  const step = await failedStepOf(template.name);
  return requireStep("--retry of step", step, template);
}

/**
 * Returns the steps at which a run begins and stops.
 * @throws {VmbuildError} USAGE when the template has no such step.
 */
export async function resumeOptions(
  template: Template,
  flags: RunFlags,
): Promise<Pick<BuildOptions, "from" | "until">> {
  const until = requireStep("--until", flags.until, template);
  return { from: await firstStep(template, flags), until };
}

/** Characters of a release, which becomes part of file names and addresses. */
const RELEASE = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;

/** Rejects flags that contradict `--create-patches`. */
function rejectConflictsOfPatches({ release, until, var: pairs = [] }: RunFlags): void {
  if (pairs.some((pair) => pair.startsWith(`${CREATE_PATCHES}=`))) {
    const message = `--create-patches and --var ${CREATE_PATCHES}=… set the same variable`;
    throw new VmbuildError("USAGE", message);
  }
  const other = release !== undefined ? "--release" : until !== undefined ? "--until" : undefined;
  if (other === undefined) return;
  throw new VmbuildError("USAGE", `--create-patches and ${other} are mutually exclusive`, {
    hint:
      other === "--release"
        ? "The patches of a release are used in its place: build with --release afterwards."
        : "The archive is published beside the image, which --until does not make.",
  });
}

/**
 * Requires that the templates can make archives of patches, and that this host can sign them.
 * @throws {VmbuildError} USAGE, PATCHES_SIGN, HOST_PROGRAM_MISSING.
 */
export async function requirePatches(templates: readonly Template[]): Promise<void> {
  for (const { name, folder, output, steps } of templates) {
    const missing = output.patches === undefined ? "output.patches" : "step that collects them";
    if (output.patches !== undefined && steps.length > 0) {
      const { signingKey } = output.patches;
      if (signingKey !== undefined) await requireSigningKey(resolve(folder, signingKey));
      continue;
    }
    throw new VmbuildError("USAGE", `--create-patches: ${name} has no ${missing}`, {
      hint: "See docs/patches.md for the steps and the setting that a template needs.",
    });
  }
}

async function requireSigningKey(path: string): Promise<void> {
  await requirePrograms(["gpg", "gpgconf"]);
  if ((await statIfThere(path))?.isFile()) return;
  throw new VmbuildError("PATCHES_SIGN", `The key ${path} of output.patches does not exist`);
}

/** Rejects flags about commits that contradict each other. */
function rejectConflictsOfCommits(flags: RunFlags): void {
  const { release, requireClean, skipCommit, commitManifest, until, createPatches } = flags;
  if (release !== undefined && !RELEASE.test(release)) {
    const name = JSON.stringify(release);
    throw new VmbuildError("USAGE", `--release ${name} is not the name of a release`, {
      hint: "Use letters, digits, dots, +, - and _, such as 2.4.0.",
    });
  }
  if (release !== undefined && flags.var?.some((pair) => pair.startsWith("release="))) {
    throw new VmbuildError("USAGE", "--release and --var release=… set the same variable");
  }
  if (createPatches) rejectConflictsOfPatches(flags);
  const other = requireClean ? "--require-clean" : commitManifest ? "--commit-manifest" : undefined;
  if (skipCommit && other !== undefined) {
    throw new VmbuildError("USAGE", `--skip-commit and ${other} are mutually exclusive`);
  }
  if (commitManifest && until !== undefined) {
    const reason = "a run that makes no image has no manifest to commit";
    throw new VmbuildError(
      "USAGE",
      `--commit-manifest and --until are mutually exclusive: ${reason}`,
    );
  }
}

/**
 * Rejects flags that only a run on another host has.
 * @throws {VmbuildError} USAGE.
 */
export function rejectHostFlags({ install, include, fetch }: RunFlags): void {
  const flag = install
    ? "--install"
    : include
      ? "--include"
      : fetch === "no"
        ? "--fetch no"
        : undefined;
  if (flag === undefined) return;
  throw new VmbuildError("USAGE", `${flag} has an effect only on another host`, {
    hint: "Name the host: --on ssh://USER@HOST.",
  });
}

/**
 * Rejects flags that contradict each other.
 * @param count number of templates.
 * @throws {VmbuildError} USAGE.
 */
export function rejectConflictingFlags(flags: RunFlags, count: number): void {
  const { force, from, retry, checkpoints, output, detach, explain } = flags;
  if (output === "") throw new VmbuildError("USAGE", "--output: the folder path is empty");
  rejectConflictsOfCommits(flags);
  if (detach && explain) {
    throw new VmbuildError("USAGE", "--detach and --explain are mutually exclusive");
  }
  if (detach && count > 1) {
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
  if (flags.maxAge !== undefined && (from !== undefined || retry)) {
    const other = retry ? "--retry" : "--from";
    throw new VmbuildError("USAGE", `--max-age and ${other} are mutually exclusive`);
  }
  if (given.length < 2 || (given.length === 2 && force && !checkpoints)) return;
  throw new VmbuildError("USAGE", `${given.join(" and ")} are mutually exclusive`);
}
