/** Unpacks Debian's packages without installing them, and runs a script among their files. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Emit } from "../../events/types.js";
import { shellQuote } from "../../host/programs.js";
import { aptArguments, runMmdebstrap } from "./mmdebstrap.js";
import { findRights } from "./namespace.js";
import { makeScratch, removeAbandonedScratch } from "./scratch.js";
import { archiveKeyring, formatSources, hostSources } from "./sources.js";

/** What is unpacked, and what runs there. Paths are absolute. */
export interface UnpackJob {
  /** Code name of a Debian release. */
  readonly suite: string;
  /** Debian's name of the architecture: `amd64`. This host must be able to run its programs. */
  readonly architecture: string;
  /** Packages. Those that they depend on are unpacked as well, recommended ones are not. */
  readonly packages: readonly string[];
  /** What is made of them, for error messages: "the live system of the stick". */
  readonly subject: string;
  /** Files and folders of this host that are copied into the root folder of the packages. */
  readonly files: readonly string[];
  /**
   * Shell command that runs there as root. It writes its results to `/out`, and begins the lines of
   * its errors with {@link errors}.
   */
  readonly script: string;
  /** Beginning of the script's error lines: `make-live:`. */
  readonly errors: string;
}

/** Folder of the results, in the packages' root folder and in the work folder. */
const OUT = "out";

/**
 * Prepares an empty tree: folders as in Debian's releases from bookworm on, and those that
 * mmdebstrap fills with devices where they exist.
 */
const SETUP =
  'mkdir -p "$1/dev" "$1/proc" "$1/sys"; ' +
  'for name in bin sbin lib lib64; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done';

/** Returns the arguments of mmdebstrap. Pure. */
export function unpackArguments(
  { suite, architecture, packages, files, script }: UnpackJob,
  place: {
    readonly mode: string;
    readonly sources: string | undefined;
    readonly tree: string;
    readonly workFolder: string;
  },
): string[] {
  const { mode, sources, tree, workFolder } = place;
  return [
    `--mode=${mode}`,
    "--format=directory",
    "--variant=extract",
    `--architectures=${architecture}`,
    `--include=${packages.join(",")}`,
    ...aptArguments(sources, ['APT::Install-Recommends "false"']),
    `--setup-hook=${SETUP}`,
    `--extract-hook=copy-in ${files.map(shellQuote).join(" ")} /`,
    `--extract-hook=chroot "$1" /bin/sh -c ${shellQuote(script)}`,
    `--extract-hook=copy-out /${OUT} ${shellQuote(workFolder)}`,
    suite,
    tree,
    ...(sources === undefined ? [] : [sources]),
  ];
}

/**
 * Unpacks the packages, from the mirrors of this host's apt, and runs the script.
 * @param workFolder existing private folder. The caller removes it.
 * @returns the folder with the script's results.
 * @throws {VmbuildError} BASE_BOOTSTRAP, HOST_UNSUPPORTED, HOST_PROGRAM_MISSING; the signal's reason.
 */
export async function unpackPackages(
  job: UnpackJob,
  workFolder: string,
  { emit, signal }: { readonly emit: Emit; readonly signal: AbortSignal },
): Promise<string> {
  const { suite, subject, errors } = job;
  const rights = await findRights(signal);
  await removeAbandonedScratch(rights, emit);
  await mkdir(workFolder, { recursive: true });
  const found = await hostSources(suite, workFolder, signal);
  const sources = found.length === 0 ? undefined : join(workFolder, "host.sources");
  if (sources !== undefined) {
    await writeFile(sources, formatSources(found, await archiveKeyring()));
  }
  const scratch = await makeScratch(rights, workFolder);
  try {
    const { tree } = scratch;
    const args = unpackArguments(job, { mode: rights.mode, sources, tree, workFolder });
    await runMmdebstrap({
      command: ["mmdebstrap", ...args],
      suite,
      subject,
      hookErrors: errors,
      env: { TMPDIR: dirname(tree) },
      emit,
      signal,
    });
    return join(workFolder, OUT);
  } finally {
    await scratch.remove();
  }
}
