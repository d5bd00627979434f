/** Finds the architecture of a guest by the names that Packer templates use. */
import {
  ARCHITECTURE_NAMES,
  DEFAULT_ARCHITECTURE,
  architectureNamed,
} from "../../machine/architectures/registry.js";
import type { ArchitectureName } from "../../machine/architectures/registry.js";

/** What to do about a guest of another architecture. */
export const OTHER_ARCHITECTURE = `vmbuild has machines of ${ARCHITECTURE_NAMES.join(", ")}; use one of them`;

/** Returns the architecture with a name, such as `aarch64` or Debian's `arm64`. */
export function findArchitecture(name: string): ArchitectureName | undefined {
  return ARCHITECTURE_NAMES.find(
    (one) => one === name || architectureNamed(one).debian.name === name,
  );
}

/**
 * Returns the architecture of QEMU's program; that of a PC for a program such as `qemu-kvm`.
 * Undefined for one that vmbuild does not have.
 */
export function architectureOf(binary: string | undefined): ArchitectureName | undefined {
  const name = /qemu-system-([A-Za-z0-9_]+)$/.exec(binary ?? "")?.[1];
  return name === undefined ? DEFAULT_ARCHITECTURE.name : findArchitecture(name);
}
