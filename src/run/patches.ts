/** Makes the archive of patches that a guest has collected (`output.patches`). */
import { rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { checksumPath, formatChecksum } from "../artifact/checksum-files.js";
import { digestFile } from "../artifact/digest.js";
import { artifactError } from "../artifact/failures.js";
import type { Manifest } from "../artifact/manifest.js";
import { METADATA_SUFFIXES } from "../artifact/names.js";
import { VmbuildError, systemCode } from "../errors.js";
import type { Guest } from "../guest/guest.js";
import { shellQuote } from "../host/programs.js";
import { LIST_PACKAGES, readPackages } from "../packages/list.js";
import type { GuestPackages, ListedPackage } from "../packages/list.js";
import { formatSbom } from "../packages/sbom.js";
import { readPatches } from "../patches/content.js";
import type { Patches } from "../patches/content.js";
import { packPatches } from "../patches/pack.js";
import { signPatches } from "../patches/sign.js";
import { gitValue } from "../template/git-references.js";
import { vmbuildVersion } from "../version.js";
import type { ContextWith } from "./context.js";
import { workTreeOf } from "./source.js";

type Context = ContextWith<"options" | "template" | "workspace" | "output" | "emit" | "phase">;

/** Time limit of short commands in the guest; an emulated guest takes seconds. Milliseconds. */
const DEADLINE_MS = 300_000;

/** What the manifest says about an archive. */
export type PatchesRecord = NonNullable<Manifest["patches"]>;

/** Returns the names of the archive and of the folder in it. */
function patchesNames(context: ContextWith<"options">): {
  readonly filename: string;
  readonly folder: string;
} {
  const { name, version, output } = context.options.template;
  const folder = output.patches?.folder ?? `${name}-patches`;
  const tree = workTreeOf(context);
  const [branch, commit, dirty] = ["branch", "commit", "dirty"].map((key) =>
    gitValue(`git.${key}`, tree),
  );
  const traced = branch === undefined ? version : `${branch}-${commit}${dirty}`;
  return { filename: output.patches?.filename ?? `${name}-patches-${traced}.tgz`, folder };
}

/**
 * Describes in a phrase how the archive of patches in the manifest of a finished image differs from
 * the one that this run would make; undefined when it does not, and for a run that makes none.
 * @param path path of the manifest.
 */
export function findOtherPatches(
  context: ContextWith<"options">,
  { patches }: Manifest,
  path: string,
): string | undefined {
  const { createPatches, template } = context.options;
  if (!createPatches) return undefined;
  if (!patches) return `${path} has no archive of patches`;
  const { filename, folder } = patchesNames(context);
  const isSigned = template.output.patches?.signingKey !== undefined;
  const isSame =
    patches.name === filename && patches.folder === folder && patches.signed === isSigned;
  return isSame ? undefined : `${path} has an archive of patches with other settings`;
}

const keyOf = ({ name, version, arch }: ListedPackage): string => `${name} ${version} ${arch}`;

/** Returns the packages of the archive, as the guest describes those that are installed. */
function describePackages({ packages }: Patches, installed: GuestPackages): GuestPackages {
  const known = new Map(installed.packages.map((one) => [keyOf(one), one]));
  return { ...installed, packages: packages.map((one) => known.get(keyOf(one)) ?? one) };
}

/** Writes the archive, its sums and its bill of materials to the folder of the run's outputs. */
async function writeArchive(
  context: Context,
  collected: string,
  installed: GuestPackages,
): Promise<PatchesRecord> {
  const { options, template, workspace, output, emit } = context;
  const { signal } = options;
  const key = template.output.patches?.signingKey;
  const patches = await readPatches(collected, signal);
  await signPatches(collected, key && resolve(template.folder, key), signal);
  const { filename, folder } = patchesNames(context);
  const path = join(workspace.run.outputs, filename);
  const write = async (at: string, text: string) => writeFile(at, text, { flag: "wx" });
  try {
    await packPatches(collected, folder, path, signal);
    const algorithms = [...new Set(["sha256" as const, ...output.checksums])];
    const sums = await digestFile(path, algorithms, { emit, signal });
    for (const algorithm of algorithms) {
      await write(checksumPath(path, algorithm), formatChecksum(sums[algorithm], filename));
    }
    const described = {
      ...{ name: filename, version: template.version, created: new Date().toISOString() },
      ...{ checksums: sums, tool: vmbuildVersion(), kind: "file" as const },
    };
    const packages = describePackages(patches, installed);
    await write(
      `${path}${METADATA_SUFFIXES.sbom}`,
      formatSbom(packages, described, patches.wheels),
    );
    return {
      ...{ name: filename, folder, size: (await stat(path)).size, sha256: sums.sha256 },
      packages: patches.packages.length,
      ...(patches.wheels.length > 0 ? { wheels: patches.wheels.length } : {}),
      ...{ signed: key !== undefined, sbom: `${filename}${METADATA_SUFFIXES.sbom}` },
    };
  } catch (error) {
    signal.throwIfAborted();
    if (systemCode(error) !== "EEXIST") {
      throw artifactError("ARTIFACT_CONVERT", `Cannot write ${path}`, error);
    }
    const message = `A step has created a file with a name of the archive of patches: ${filename}`;
    throw new VmbuildError("ARTIFACT_NAMES", message, {
      hint: 'Change "to" of the download, or output.patches.filename.',
    });
  }
}

/**
 * Downloads the patches that the steps have collected, makes their archive among the run's outputs,
 * and removes them from the guest.
 * @returns what the manifest says about it; undefined where the run makes none.
 * @throws {VmbuildError} PATCHES_INVALID, PATCHES_SIGN, ARTIFACT_NAMES, ARTIFACT_CONVERT,
 *   ARTIFACT_SPACE, or STEP_FAILED where the guest has no such folder.
 */
export async function collectPatches(
  context: Context,
  guest: Guest,
): Promise<PatchesRecord | undefined> {
  const { options, template, workspace, phase } = context;
  const { patches } = template.output;
  if (!options.createPatches || patches === undefined) return undefined;
  const { from } = patches;
  const collected = join(workspace.run.scratch, "patches");
  const collect = async (): Promise<PatchesRecord> => {
    if ((await guest.kindOf(from)) !== "tree") {
      throw new VmbuildError("PATCHES_INVALID", `${from} in the guest is a file, not a folder`);
    }
    await guest.download(from, collected, "tree");
    const lines = await guest.ask(LIST_PACKAGES, "Listing the packages", DEADLINE_MS);
    const record = await writeArchive(context, collected, readPackages(lines));
    await guest.ask(`rm -rf -- ${shellQuote(from)}`, "Removing the patches", DEADLINE_MS);
    return record;
  };
  try {
    return await phase("patches", collect, {
      detail: ({ name, packages }) => `${name}, ${packages} packages`,
    });
  } finally {
    await rm(collected, { recursive: true, force: true });
  }
}
