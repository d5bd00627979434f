/** Which of the host's programs a template needs. */
import { BOOTSTRAP_PROGRAMS } from "../base/bootstrap/bootstrap.js";
import type { ProgramName } from "../host/programs.js";
import type { Template } from "../template/load.js";

const UNPACKERS = { ".xz": "xz", ".zst": "zstd", ".gz": "gzip" } as const;

function unpackerOf(url: string): ProgramName[] {
  const { pathname } = new URL(url);
  return Object.entries(UNPACKERS).flatMap(([end, name]) => (pathname.endsWith(end) ? [name] : []));
}

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
  if ("url" in base) names.push(...unpackerOf(base.url), ...(base.signature ? ["gpgv"] : []));
  for (const spec of inputSpecs.values()) {
    if (spec.kind === "git") names.push("git");
    if (spec.kind === "oci") names.push("tar");
    if (spec.kind === "url" && spec.unpack) names.push(...unpackerOf(spec.url));
    if (spec.kind === "url" && spec.signature) names.push("gpgv");
  }
  const isLocal = (step: (typeof steps)[number]): boolean =>
    step.actions.some((action) => action.type.name === "local");
  if (steps.some(isLocal)) names.push("bash");
  return [...new Set(names)];
}
