/** Combines a profile with the inputs of a call to what is to be run. */
import { resolve } from "node:path";
import { VmbuildError } from "../errors.js";
import { isTemplatePath } from "../fields.js";
import type { Inputs } from "./inputs.js";
import type { Profile } from "./load.js";
import { MODES } from "./schema.js";
import type { Mode } from "./schema.js";

/** What is to be run. */
export interface CreateRequest {
  readonly mode: Mode;
  /** Path or name of the template. */
  readonly template: string;
  /** Name of the build, in place of the template's. */
  readonly vmName: string | undefined;
  /** Values of the template's variables. */
  readonly variables: Inputs;
  /** Machines for the mode `attach`. */
  readonly hosts: readonly string[];
  /** Time after which the run ends, as text. */
  readonly ttl: string | undefined;
  /** Absolute folder for the image. */
  readonly output: string | undefined;
}

/** Inputs with a meaning of their own; all others are variables of the template. */
const OWN_INPUTS = ["mode", "template", "packer_template", "vm_name", "host", "ttl"] as const;

function modeOf(profile: Profile, { mode }: Inputs): Mode {
  if (mode === undefined) return profile.mode;
  const found = MODES.find((one) => one === mode);
  if (found) return found;
  throw new VmbuildError("USAGE", `--input mode=${mode}: use ${MODES.join(" or ")}`);
}

function templateOf(profile: Profile, inputs: Inputs): string {
  const { template, packer_template: packer } = inputs;
  if (template !== undefined && packer !== undefined) {
    throw new VmbuildError("USAGE", "--input template and packer_template are mutually exclusive");
  }
  const given = template ?? packer;
  if (given === "") throw new VmbuildError("USAGE", "--input: the path of the template is empty");
  if (given !== undefined) return given;
  if (profile.template === undefined) {
    throw new VmbuildError("USAGE", `The profile ${profile.name} names no template`, {
      hint: "Add --input packer_template=PATH or --input template=NAME.",
    });
  }
  const { template: own, folder } = profile;
  return isTemplatePath(own) ? resolve(folder, own) : own;
}

function hostsOf(profile: Profile, { host }: Inputs, mode: Mode): readonly string[] {
  const hosts = host === undefined ? profile.hosts : host.split(",").map((one) => one.trim());
  if (mode === "attach" && hosts.length === 0) {
    throw new VmbuildError("USAGE", "The mode attach needs a machine", {
      hint: "Add --input host=USER@ADDRESS, or hosts to the profile.",
    });
  }
  return hosts;
}

/** Returns the values of variables: those of the profile, then the inputs that nothing else uses. */
function variablesOf(profile: Profile, inputs: Inputs): Inputs {
  const isOwn = (key: string): boolean => OWN_INPUTS.some((own) => own === key);
  const more = Object.entries(inputs).filter(
    ([key]) => !isOwn(key) && !profile.usedInputs.has(key),
  );
  const own = Object.entries(profile.variables).map(([key, value]) => [key, String(value)]);
  return Object.fromEntries([...own, ...more]) as Inputs;
}

/**
 * Combines a profile with inputs. Pure.
 * @throws {VmbuildError} USAGE for an input that is not valid, or one that is missing.
 */
export function planRequest(profile: Profile, inputs: Inputs): CreateRequest {
  const mode = modeOf(profile, inputs);
  const { vm_name: vmName, ttl = profile.ttl } = inputs;
  if (vmName === "") throw new VmbuildError("USAGE", "--input vm_name: the name is empty");
  return {
    mode,
    template: templateOf(profile, inputs),
    vmName,
    variables: variablesOf(profile, inputs),
    hosts: hostsOf(profile, inputs, mode),
    ttl,
    output: profile.output === undefined ? undefined : resolve(profile.folder, profile.output),
  };
}
