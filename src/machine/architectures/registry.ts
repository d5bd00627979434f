/** Lists all architectures. A new one is a file in this folder and a line in this list. */
import type { Architecture } from "./architecture.js";
import { aarch64 } from "./aarch64.js";
import { riscv64 } from "./riscv64.js";
import { x8664 } from "./x86-64.js";

/**
 * All architectures. The first is the default on every host, so that a template means the same
 * everywhere.
 */
export const ARCHITECTURES = [x8664, aarch64, riscv64] as const;

/** Name of an architecture. */
export type ArchitectureName = (typeof ARCHITECTURES)[number]["name"];

/** Names of the architectures, the default first. */
export const ARCHITECTURE_NAMES = ARCHITECTURES.map(({ name }) => name) as [
  ArchitectureName,
  ...ArchitectureName[],
];

/** Architecture of a template that names none. */
export const DEFAULT_ARCHITECTURE = ARCHITECTURES[0];

/** Returns an architecture by its name. */
export function architectureNamed(name: ArchitectureName): Architecture<ArchitectureName> {
  const architectures: readonly Architecture<ArchitectureName>[] = ARCHITECTURES;
  const architecture = architectures.find((one) => one.name === name);
  if (!architecture) throw new Error(`there is no architecture ${name}`);
  return architecture;
}

/** Returns the architecture whose guests this host's KVM runs; undefined for other hosts. */
export function hostArchitecture(): Architecture<ArchitectureName> | undefined {
  const architectures: readonly Architecture<ArchitectureName>[] = ARCHITECTURES;
  return architectures.find(({ hostArch }) => hostArch === process.arch);
}
