/** Implements `vmbuild create`: runs a template as a profile says, and prints the result as JSON. */
import { asVmbuildError } from "../errors.js";
import type { VmbuildError } from "../errors.js";
import { reportError } from "../events/report.js";
import { currentFolder } from "../host/current-folder.js";
import { loadProfile } from "../profiles/load.js";
import type { Profile } from "../profiles/load.js";
import { planRequest } from "../profiles/request.js";
import type { CreateRequest } from "../profiles/request.js";
import type { Mode } from "../profiles/schema.js";
import { parseAssignments } from "./assignments.js";
import { attachToMachines } from "./create-attach.js";
import { createImage } from "./create-build.js";
import type { CreateJob, CreateResult } from "./create-job.js";
import { interruptible } from "./interrupt.js";
import type { OutputFlags, TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";

/** Flags of the command. */
export interface CreateFlags extends OutputFlags {
  readonly profile: string;
  readonly input?: readonly string[];
}

/** Work of each mode. */
const WORK: Record<Mode, (job: CreateJob) => Promise<CreateResult>> = {
  build: createImage,
  attach: attachToMachines,
};

/** States of the result, by the codes of errors. */
const STATES: Partial<Record<VmbuildError["code"], string>> = {
  LEASE_EXPIRED: "expired",
  INTERRUPTED: "stopped",
  TERMINATED: "stopped",
};

/** Returns the options that the profile and the inputs stand for. */
function flagsOf(profile: Profile, { variables, vmName }: CreateRequest): TemplateFlags {
  const { cpus, memory, disk, accelerator } = profile.machine;
  const sinks = Object.entries(profile.sinks);
  return {
    var: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    sink: sinks.map(([name, settings]) => `${name}=${JSON.stringify(settings)}`),
    ...(vmName === undefined ? {} : { set: [`name=${JSON.stringify(vmName)}`] }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory === undefined ? {} : { memory }),
    ...(disk === undefined ? {} : { disk }),
    ...(accelerator === undefined ? {} : { accel: accelerator }),
  };
}

function stateOf(error: VmbuildError | undefined): string {
  return error ? (STATES[error.code] ?? "failed") : "done";
}

/** Runs the command; returns the exit code. */
export async function create(flags: CreateFlags): Promise<number> {
  const output = createOutput(flags);
  const inputs = Object.fromEntries(parseAssignments("--input", flags.input));
  const here = currentFolder() ?? process.cwd();
  const profile = await loadProfile(flags.profile, { inputs, currentFolder: here });
  const request = planRequest(profile, inputs);
  const common = { profile: profile.name, mode: request.mode };
  try {
    const job = { request, profile, flags: flagsOf(profile, request), output };
    // From here on, as a caller may stop the run while the template is loaded.
    const { fields, error } = await interruptible((signal) =>
      WORK[request.mode]({ ...job, signal }),
    );
    const failure = error ? { error: reportError(error) } : {};
    output.printJson({ ...common, state: stateOf(error), ...fields, ...failure });
    return error?.exitCode ?? 0;
  } catch (thrown) {
    // A caller that reads the result gets one, whatever kept the run from beginning.
    const error = asVmbuildError(thrown);
    output.printError(error);
    output.printJson({ ...common, state: stateOf(error), id: null, error: reportError(error) });
    return error.exitCode;
  }
}
