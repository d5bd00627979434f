/** Creates a base from Debian packages: `{"bootstrap": {"suite", "packages"}}`. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Emit } from "../../events/types.js";
import { requireSpace } from "../../host/files.js";
import type { ProgramName } from "../../host/programs.js";
import { DEFAULT_ARCHITECTURE, architectureNamed } from "../../machine/architectures/registry.js";
import { convertDisk, makeDisk } from "./disk.js";
import { planDisk } from "./layout.js";
import { findEmulation } from "./emulation.js";
import { findRights } from "./namespace.js";
import { makeScratch, removeAbandonedScratch } from "./scratch.js";
import type { Source } from "./sources.js";
import { archiveKeyring, formatSources, hostSources } from "./sources.js";
import { emitProgress } from "./stages.js";
import type { BootstrapSpec } from "./spec.js";
import { checkSpec } from "./spec.js";
import { makeTree } from "./tree.js";

export { bootstrapKey, describeBootstrap } from "./spec.js";
export type { BootstrapSpec } from "./spec.js";

/** Inputs of {@link bootstrapBase} besides the spec. */
export interface BootstrapContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Absolute path of an existing private folder for temporary files. The caller removes it. */
  readonly workFolder: string;
}

/** Facts about a created base, for its record. */
export interface BootstrapFacts {
  readonly suite: string;
  /** All installed packages as `name=version`, sorted. */
  readonly packages: readonly string[];
  /** Release of the kernel, as `uname -r` prints it. */
  readonly kernel: string;
  /** Package archives, without their addresses, which may be private. */
  readonly sources: readonly Pick<Source, "suite" | "components">[];
}

/** Programs of the host that only a bootstrap runs. */
export const BOOTSTRAP_ONLY_PROGRAMS: readonly ProgramName[] = [
  "mmdebstrap",
  "mkfs.ext4",
  "mkfs.vfat",
  "mcopy",
  "sfdisk",
];

/** All programs of the host that a bootstrap runs. */
export const BOOTSTRAP_PROGRAMS: readonly ProgramName[] = [
  ...BOOTSTRAP_ONLY_PROGRAMS,
  "qemu-img",
  "setpriv",
  "flock",
  "bash",
];

/** Bytes. The tree, the raw image and the qcow2 image contain the same files, about 1 GiB each. */
const SPACE_TREE = 1.5 * 2 ** 30;
const SPACE_IMAGE = 1.5 * 2 ** 30;

/**
 * Creates a qcow2 image at `destination`; an incomplete one never appears there.
 * @throws {VmbuildError} BASE_BOOTSTRAP, HOST_SPACE, HOST_UNSUPPORTED, HOST_PROGRAM_MISSING; the
 *   signal's reason.
 */
export async function bootstrapBase(
  spec: BootstrapSpec,
  destination: string,
  context: BootstrapContext,
): Promise<BootstrapFacts> {
  const { emit, signal, workFolder } = context;
  checkSpec(spec);
  await requireSpace(destination, SPACE_IMAGE, "a bootstrapped base");
  const rights = await findRights(signal);
  const architecture = architectureNamed(spec.arch ?? DEFAULT_ARCHITECTURE.name);
  const emulation = await findEmulation(architecture, rights, signal);
  await removeAbandonedScratch(rights, emit);
  const sources = await hostSources(spec.suite, workFolder, signal);
  if (sources.length === 0) {
    emit({
      type: "note",
      message: "apt on this host has no Debian mirror; using mmdebstrap's default mirror",
    });
  }
  const layout = planDisk(spec);
  const out = join(workFolder, "out");
  await mkdir(out);
  const scratch = await makeScratch(rights, workFolder);
  try {
    await requireSpace(scratch.tree, SPACE_TREE, "a bootstrapped base");
    const { tree } = scratch;
    const job = { layout, port: architecture.debian, rights, emit, signal, tree };
    const file = sources.length === 0 ? undefined : join(out, "host.sources");
    if (file !== undefined) {
      await writeFile(file, formatSources(sources, await archiveKeyring()));
    }
    await makeTree({ ...job, spec, architecture, emulation, sources: file, out });
    const copied = join(out, ".vmbuild-out");
    const raw = join(workFolder, "disk.raw");
    const disk = { ...job, out: copied, raw, secureBoot: spec.secureBoot === true };
    await makeDisk(disk);
    emitProgress(spec.suite, emit, 96);
    await convertDisk(disk, destination);
    emitProgress(spec.suite, emit, 100);
    const packages = await readFile(join(copied, "packages"), "utf8");
    return {
      suite: spec.suite,
      packages: packages.trim().split("\n").toSorted(),
      kernel: await readFile(join(copied, "kernel"), "utf8"),
      sources: sources.map(({ suite, components }) => ({ suite, components })),
    };
  } finally {
    await scratch.remove();
    await rm(join(workFolder, "disk.raw"), { force: true });
    await rm(out, { recursive: true, force: true });
  }
}
