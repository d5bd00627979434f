/** Determines the programs of the host that a template needs. */
import { programsOfPack } from "../artifact/packs.js";
import { formatNamed } from "../artifact/registry.js";
import { baseKindOf } from "../base/registry.js";
import type { ProgramName } from "../host/programs.js";
import { inputKindOf } from "../inputs/registry.js";
import { planOutput } from "./plan.js";
import { publishedDisks } from "../template/devices-schema.js";
import type { Template } from "../template/load.js";

/**
 * Returns the programs that any run may start, regardless of base, inputs and steps, except QEMU.
 */
export function commonPrograms({
  seal,
  checkpoints,
}: {
  readonly seal: boolean;
  readonly checkpoints: boolean;
}): ProgramName[] {
  return [
    "qemu-img",
    ...(seal ? (["qemu-io"] as const) : []),
    "xorriso",
    "setpriv",
    "flock",
    ...(checkpoints ? (["sync", "fallocate"] as const) : []),
  ];
}

/** Returns the programs that fetch a template's inputs and run these steps. */
export function programsOfSteps({
  inputSpecs,
  steps,
}: Pick<Template, "inputSpecs" | "steps">): ProgramName[] {
  const names = [...inputSpecs.values()].flatMap((spec) => inputKindOf(spec).programs(spec));
  for (const { type, value } of steps.flatMap(({ actions }) => actions)) {
    names.push(...type.programs(value as never));
  }
  return names;
}

/** Returns the names of all programs that a run of the template may start, QEMU first. */
export function programsFor(template: Template): string[] {
  const { base, folder: templateFolder, machine, seal, checkpoints } = template;
  const names: string[] = [
    machine.binary,
    ...commonPrograms({ seal: seal !== false, checkpoints: checkpoints !== false }),
    ...baseKindOf(base).programs(base, { templateFolder, arch: machine.arch }),
  ];
  for (const { format, pack } of [template.output, ...template.output.formats]) {
    names.push(...formatNamed(format).programs, ...programsOfPack(pack));
  }
  names.push(...programsOfSteps(template));
  if (machine.tpm) names.push("swtpm");
  if (planOutput(template).provenance?.signingKey !== undefined) names.push("ssh-keygen");
  for (const { output } of publishedDisks(template)) {
    names.push(...formatNamed(output.format).programs, ...programsOfPack(output.pack));
  }
  if (template.workTree) names.push("git");
  if (template.post.length + template.after.length > 0) names.push("bash");
  return [...new Set(names)];
}
