/** Runs mmdebstrap, which creates a root file system in a folder from a list of packages. */
import { dirname } from "node:path";
import { VmbuildError } from "../../errors.js";
import type { Emit } from "../../events/types.js";
import { describeExit, shellQuote } from "../../host/programs.js";
import { explainFailure, ERROR_LINE } from "./failures.js";
import { EMULATION_HOOK, inRoom } from "./emulation.js";
import type { Emulation } from "./emulation.js";
import { finishScript, OUTPUT_FOLDER, cleanUpScript, writeFilesScript } from "./guest.js";
import type { GuestArchitecture } from "./guest.js";
import { followStages } from "./stages.js";
import type { Layout } from "./layout.js";
import type { Rights } from "./namespace.js";
import type { BootstrapSpec } from "./spec.js";
import { allPackages } from "./spec.js";
import { runSupervised } from "./supervise.js";

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

/**
 * apt settings of the host that are needed to reach its mirror. They apply while mmdebstrap runs
 * and are then removed with 99mmdebstrap. Proxies are taken from the environment.
 */
const APT_OPTIONS = [
  'Acquire::Languages "none"',
  'Acquire::Retries "3"',
  // The tree is in a private folder, which apt's own user cannot enter.
  'APT::Sandbox::User "root"',
  'Dir::Etc::netrc "/etc/apt/auth.conf"',
  'Dir::Etc::netrcparts "/etc/apt/auth.conf.d"',
];

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
    ...APT_OPTIONS.map((option) => `--aptopt=${option}`),
    // The sources name their keyring. mmdebstrap's search for one would leave a folder behind when
    // it is killed.
    ...(job.sources === undefined ? [] : ["--skip=check/signed-by"]),
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
export async function makeTree(job: TreeJob): Promise<void> {
  const errorLines: string[] = [];
  const progress = followStages(job.spec.suite, job.emit);
  const command = ["mmdebstrap", ...mmdebstrapArguments(job)] as const;
  const [program, ...args] = inRoom(command, job);
  const result = await runSupervised(program, args, {
    signal: job.signal,
    // The finishing script creates the initramfs, so the kernel package must not create it as well.
    env: { ...hookScripts(job), INITRD: "No", TMPDIR: dirname(job.tree) },
    onLine: (line, stream) => {
      progress(line);
      if (ERROR_LINE.test(line) && errorLines.length < 20) errorLines.push(line);
      job.emit({ type: "output", source: "mmdebstrap", stream, line });
    },
  });
  if (result.exitCode === 0) return;
  const lines = [...new Set([...errorLines, ...result.lastLines])];
  const { message, hint } = explainFailure(job.spec.suite, lines);
  throw new VmbuildError("BASE_BOOTSTRAP", message, {
    hint,
    lines,
    details: { suite: job.spec.suite, end: describeExit(result) },
  });
}
