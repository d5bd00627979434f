/** Runs mmdebstrap, which creates a root file system in a folder from a list of packages. */
import { dirname } from "node:path";
import type { Emit } from "../../events/types.js";
import { shellQuote } from "../../host/programs.js";
import { EMULATION_HOOK, inRoom } from "./emulation.js";
import type { Emulation } from "./emulation.js";
import { finishScript, OUTPUT_FOLDER, cleanUpScript, writeFilesScript } from "./guest.js";
import type { GuestArchitecture } from "./guest.js";
import { aptArguments, runMmdebstrap } from "./mmdebstrap.js";
import { followStages } from "./stages.js";
import type { Layout } from "./layout.js";
import type { Rights } from "./namespace.js";
import type { BootstrapSpec } from "./spec.js";
import { allPackages } from "./spec.js";

/** Inputs of {@link makeTree}. Paths are absolute. */
export interface TreeJob {
  readonly spec: BootstrapSpec;
  readonly layout: Layout;
  readonly architecture: GuestArchitecture;
  /** How programs of the tree run that this host's processor cannot; undefined for its own. */
  readonly emulation: Emulation | undefined;
  readonly rights: Rights;
  /** Source list in deb822 format; undefined for mmdebstrap's default mirror. */
  readonly sources: string | undefined;
  /** Path of the root file system, which must not exist yet. */
  readonly tree: string;
  /** Folder for GRUB's images and the list of packages. */
  readonly out: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Returns the scripts of the hooks as variables: mmdebstrap prints its arguments repeatedly. */
function hookScripts(job: TreeJob): Record<string, string> {
  const { layout, architecture, emulation, spec } = job;
  const { registration } = emulation ?? {};
  return {
    VMBUILD_WRITE_FILES: writeFilesScript(layout, architecture),
    VMBUILD_FINISH: finishScript(layout, architecture, { secureBoot: spec.secureBoot === true }),
    VMBUILD_TIDY: cleanUpScript(),
    ...(registration === undefined ? {} : { VMBUILD_BINFMT: registration }),
  };
}

/** Returns the arguments of mmdebstrap. Pure. */
export function mmdebstrapArguments(job: Omit<TreeJob, "emit" | "signal">): string[] {
  const hook = (script: string) => `--customize-hook=${script}`;
  return [
    `--mode=${job.rights.mode}`,
    "--format=directory",
    "--variant=minbase",
    `--architectures=${job.architecture.debian.name}`,
    `--include=${allPackages(job.spec).join(",")}`,
    ...aptArguments(job.sources),
    // It has been checked, without the program arch-test.
    ...(job.emulation === undefined ? [] : ["--skip=check/qemu"]),
    ...(job.emulation?.registration === undefined ? [] : [`--setup-hook=${EMULATION_HOOK}`]),
    // After a crash the tree is discarded, so its files need not survive one.
    "--dpkgopt=force-unsafe-io",
    hook('sh -ec "$VMBUILD_WRITE_FILES" sh "$1"'),
    hook('chroot "$1" sh -ec "$VMBUILD_FINISH"'),
    hook(`copy-out ${OUTPUT_FOLDER} ${shellQuote(job.out)}`),
    hook('sh -ec "$VMBUILD_TIDY" sh "$1"'),
    job.spec.suite,
    job.tree,
    ...(job.sources === undefined ? [] : [job.sources]),
  ];
}

/**
 * Creates the tree. Its files belong to other users where `rights.mapped` is set.
 * @throws {VmbuildError} BASE_BOOTSTRAP with mmdebstrap's last lines.
 */
export function makeTree(job: TreeJob): Promise<void> {
  const { spec, emit, signal } = job;
  return runMmdebstrap({
    command: inRoom(["mmdebstrap", ...mmdebstrapArguments(job)], job),
    suite: spec.suite,
    // The finishing script creates the initramfs, so the kernel package must not create it as well.
    env: { ...hookScripts(job), INITRD: "No", TMPDIR: dirname(job.tree) },
    onLine: followStages(spec.suite, emit),
    emit,
    signal,
  });
}
