/** Checks everything that a build needs of this host. */
import { BASE_KINDS, baseKindOf } from "../base/registry.js";
import type { Template } from "../template/load.js";
import { DEFAULTS } from "../template/schema.js";
import { DEFAULT_ARCHITECTURE } from "../machine/architectures/registry.js";
import { planMachine } from "../requirements/plan.js";
import { programsFor } from "../requirements/programs.js";
import type { Check } from "./check.js";
import {
  checkBaseHost,
  checkBridges,
  checkFirmware,
  checkMemory,
  checkNode,
  checkSpace,
  checkSshBinding,
} from "./host.js";
import { checkFolders, checkNetwork } from "./folders.js";
import { checkKvm, checkKvmGroup } from "./kvm.js";
import { checkPrograms } from "./programs.js";

export type { Check } from "./check.js";

/** Job for which the host is checked. */
export interface Job {
  /** Absent for the default machine and everything that any template may need. */
  readonly template?: Template;
  /** Accelerator of the default job, where there is no template. */
  readonly accelerator?: Template["machine"]["accelerator"];
}

/**
 * Checks each prerequisite. A missing one that the job requires is a failure.
 * @throws the signal's reason.
 */
export async function examineHost(job: Job, signal: AbortSignal): Promise<Check[]> {
  const { template } = job;
  const machine = template?.machine;
  const accelerator = machine?.accelerator ?? job.accelerator ?? "kvm";
  const bases = template ? [baseKindOf(template.base)] : BASE_KINDS;
  const arch = machine?.arch ?? DEFAULT_ARCHITECTURE.name;
  const baseNeeds = bases.flatMap(({ host }) => (host ? [host] : []));
  const requirement = {
    machine: template
      ? planMachine(template)
      : { arch, binary: DEFAULT_ARCHITECTURE.binary, cpuModel: undefined },
    required: accelerator === "kvm",
  };
  const required = template !== undefined;
  const wanted = template ? planMachine(template) : { arch, firmware: "uefi" as const };
  const [programs, kvm, group, memory, space, folders, firmware, bridges, forBases] =
    await Promise.all([
      checkPrograms(template && programsFor(template), signal),
      accelerator === "tcg" ? undefined : checkKvm(requirement, signal),
      accelerator === "tcg" ? undefined : checkKvmGroup(),
      checkMemory(machine?.memory ?? DEFAULTS.memory, required),
      checkSpace(),
      checkFolders(),
      checkFirmware(wanted, required),
      template ? checkBridges(planMachine(template)) : undefined,
      Promise.all(baseNeeds.map((needs) => checkBaseHost(needs, { arch, required }, signal))),
    ]);
  signal.throwIfAborted();
  const all = [checkNode(), checkSshBinding(), ...programs, kvm, group, memory, ...space];
  const more = [...folders, ...checkNetwork(), firmware, bridges, ...forBases];
  return [...all, ...more].filter((check) => check !== undefined);
}
