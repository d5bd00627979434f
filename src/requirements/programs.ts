/** Which of the host's programs a template needs. */
import { BOOTSTRAP_PROGRAMS } from "../base/bootstrap/bootstrap.js";
import { inputKindOf } from "../inputs/registry.js";
import { urlPrograms, urlSpec } from "../inputs/url-source.js";
import type { Template } from "../template/load.js";

/** The names of all programs that a run of the template may start, the machine's first. */
export function programsFor(template: Template): string[] {
  const { base, machine, inputSpecs, steps } = template;
  const names: string[] = [
    machine.binary,
    "qemu-img",
    "qemu-io",
    "qemu-io",
    "xorriso",
    "setpriv",
    "flock",
  ];
  if ("bootstrap" in base) names.push(...BOOTSTRAP_PROGRAMS);
  if ("url" in base) names.push(...urlPrograms(urlSpec(base, template.folder, true)));
  for (const spec of inputSpecs.values()) names.push(...inputKindOf(spec).programs(spec));
  const isLocal = (step: (typeof steps)[number]): boolean =>
    step.actions.some((action) => action.type.name === "local");
  if (steps.some(isLocal)) names.push("bash");
  return [...new Set(names)];
}
