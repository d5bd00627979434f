/** Lists the files and folders of this host from which a template is built. */
import { resolve } from "node:path";
import { baseKindOf } from "../base/registry.js";
import { inputKindOf } from "../inputs/registry.js";
import { seedFiles } from "../seed/registry.js";
import type { Template } from "../template/load.js";
import { referencesOf } from "../template/references.js";
import { buildPathsOf, planMachine } from "./plan.js";
import { isOutsideProject } from "../steps/project-files.js";

/** File or folder that a template names. */
export interface HostFile {
  /** Absolute. */
  readonly path: string;
  /** Returns whether a path in the folder, with all that is below it, does not count. */
  readonly skips?: (path: string) => boolean;
}

async function baseFiles(template: Template): Promise<string[]> {
  const { base, folder: templateFolder } = template;
  const kind = baseKindOf(base);
  const { files = [] } = await kind.check(base, {
    templateFolder,
    references: referencesOf(template),
    machine: planMachine(template),
    // The image of another template is not a file that this one names.
    findArtifact: () => Promise.resolve(undefined),
  });
  const source = kind.source?.(base, templateFolder);
  const ofSource = source === undefined ? [] : inputKindOf(source).files(source);
  return [...files, ...ofSource].map(({ path }) => path);
}

function stepFiles(template: Template): HostFile[] {
  const { steps, folder } = template;
  const buildPaths = buildPathsOf(template);
  const skips = (path: string): boolean => isOutsideProject(path, buildPaths);
  return steps.flatMap(({ actions }) =>
    actions.flatMap(({ type, value }) =>
      type
        .sources(value as never, folder)
        .map(({ path, project }) => (project === true ? { path, skips } : { path })),
    ),
  );
}

function machineFiles({ machine, folder }: Template): string[] {
  const { firmware, disks } = machine;
  const images = disks.flatMap(({ from }) => from ?? []);
  const files = typeof firmware === "string" ? [] : [firmware.code, firmware.variables];
  return [...images, ...files].map((path) => resolve(folder, path));
}

function keyFiles({ ssh, output, folder }: Template): string[] {
  const { provenance } = output;
  const signing = typeof provenance === "object" ? provenance.signingKey : undefined;
  return [ssh.privateKey, signing].flatMap((path) =>
    path === undefined ? [] : [resolve(folder, path)],
  );
}

/**
 * Returns all files and folders of this host that a run of the template reads, as far as the template
 * tells: the files that commands of the host use are not known. They need not exist.
 */
export async function hostFilesOf(template: Template): Promise<HostFile[]> {
  const { folder, seed, ssh, inputSpecs, files } = template;
  const inputs = [...inputSpecs.values()].flatMap((spec) => inputKindOf(spec).files(spec));
  const others = seedFiles(seed, { folder, user: ssh.user });
  const paths = [
    ...files.map(({ path }) => path),
    ...(await baseFiles(template)),
    ...inputs.map(({ path }) => path),
    ...machineFiles(template),
    ...keyFiles(template),
    ...others.flatMap(({ path }) => path ?? []),
  ];
  return [...paths.map((path) => ({ path })), ...stepFiles(template)];
}
