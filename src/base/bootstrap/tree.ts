/** Runs mmdebstrap: from a list of packages to a root file system in a folder. */
import { dirname } from "node:path";
import { VmbuildError } from "../../errors.js";
import type { Emit } from "../../events/types.js";
import { describeExit, shellQuote } from "../../host/programs.js";
import { explainFailure, ERROR_LINE } from "./failures.js";
import { finishScript, OUTPUT_FOLDER, cleanUpScript, writeFilesScript } from "./guest.js";
import { followStages } from "./stages.js";
import type { Layout } from "./layout.js";
import type { Rights } from "./namespace.js";
import type { BootstrapSpec } from "./spec.js";
import { allPackages } from "./spec.js";
import { runSupervised } from "./supervise.js";

/** What {@link makeTree} works with. Paths are absolute. */
export interface TreeJob {
  readonly spec: BootstrapSpec;
  readonly layout: Layout;
  readonly rights: Rights;
  /** A file in deb822 form; undefined for mmdebstrap's own default mirror. */
  readonly sources: string | undefined;
  /** Where the root file system goes; must not be there yet. */
  readonly tree: string;
  /** Where GRUB's images and the list of packages go. */
  readonly out: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Settings of the host's apt that reach its mirror. They hold while mmdebstrap runs and are then
 * removed with the rest of 99mmdebstrap; proxies come along in the environment.
 */
const APT_OPTIONS = [
  'Acquire::Languages "none"',
  'Acquire::Retries "3"',
  // The tree lies in a private folder, which apt's own user could not enter.
  'APT::Sandbox::User "root"',
  'Dir::Etc::netrc "/etc/apt/auth.conf"',
  'Dir::Etc::netrcparts "/etc/apt/auth.conf.d"',
];

/** The scripts of the hooks. Not in the arguments, which mmdebstrap prints as it comes by them. */
function hookScripts(layout: Layout): Record<string, string> {
  return {
    VMBUILD_WRITE_FILES: writeFilesScript(layout),
    VMBUILD_FINISH: finishScript(layout),
    VMBUILD_TIDY: cleanUpScript(),
  };
}

/** The argument list of mmdebstrap. Pure. */
export function mmdebstrapArguments(job: Omit<TreeJob, "emit" | "signal">): string[] {
  const hook = (script: string) => `--customize-hook=${script}`;
  return [
    `--mode=${job.rights.mode}`,
    "--format=directory",
    "--variant=minbase",
    "--architectures=amd64",
    `--include=${allPackages(job.spec).join(",")}`,
    ...APT_OPTIONS.map((option) => `--aptopt=${option}`),
    // The sources name their keyring; looking for one leaves a folder behind when killed.
    ...(job.sources === undefined ? [] : ["--skip=check/signed-by"]),
    // Nothing of a tree that is thrown away after a crash needs to survive one.
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
 * Makes the tree. Its files belong to other users where `rights.mapped` is set.
 * @throws {VmbuildError} BASE_BOOTSTRAP with mmdebstrap's last lines.
 */
export async function makeTree(job: TreeJob): Promise<void> {
  const errorLines: string[] = [];
  const progress = followStages(job.spec.suite, job.emit);
  const result = await runSupervised("mmdebstrap", mmdebstrapArguments(job), {
    signal: job.signal,
    // The initramfs is made once, by the finishing script, not by the kernel's own hook too.
    env: { ...hookScripts(job.layout), INITRD: "No", TMPDIR: dirname(job.tree) },
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
