/** Finds files of the host that a template reads and that its own artifact would overwrite. */
import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { checksumPath } from "../artifact/checksum-files.js";
import { MANIFEST_NAME } from "../artifact/manifest.js";
import { entryOf } from "../artifact/names.js";
import { VmbuildError } from "../errors.js";
import { seedFiles } from "../seed/registry.js";
import { packerManifestSettings } from "../template/packer-manifest-schema.js";
import type { Template } from "../template/load.js";
import type { OutputPlan } from "./plan.js";

/**
 * Returns a path with the links of its folder resolved. The last part is not, because a rename
 * replaces a link and not its target.
 */
async function resolveFolder(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => dirname(path)); // The folder does not exist yet.
  return join(folder, basename(path));
}

/** Returns the files that the template reads: path and description. */
function filesRead(template: Template): [string, string][] {
  const { folder, base, machine, seed, ssh, steps, inputSpecs } = template;
  const inputs = [...inputSpecs].flatMap(([name, spec]): [string, string][] =>
    spec.kind === "path" ? [[spec.path, `the input "${name}"`]] : [],
  );
  const read = steps.flatMap(({ name, actions }) =>
    actions.flatMap(({ type, value }) =>
      type
        .sources(value as never, folder)
        .map(({ path }): [string, string] => [path, `a file that the step "${name}" reads`]),
    ),
  );
  const disks = machine.disks.flatMap(({ name, from }): [string, string][] =>
    from === undefined ? [] : [[resolve(folder, from), `the image of the disk "${name}"`]],
  );
  const firmware =
    typeof machine.firmware === "string" ? [] : [machine.firmware.code, machine.firmware.variables];
  const { packerManifest } = template.output;
  const manifests = packerManifest === undefined ? [] : [packerManifestSettings(packerManifest)];
  const others = seedFiles(seed, { folder, user: ssh.user });
  return [
    [template.path, "the template itself"],
    ...template.files
      .slice(1)
      .map(({ path }): [string, string] => [path, "a template that it extends"]),
    ...("path" in base ? [[resolve(folder, base.path), "its own base"] as [string, string]] : []),
    ...inputs,
    ...manifests.map(({ file }): [string, string] => [
      resolve(file),
      "the manifest in Packer's format (output.packerManifest)",
    ]),
    ...disks,
    ...firmware.map((path): [string, string] => [resolve(folder, path), "a file of the firmware"]),
    ...others.flatMap(({ path }): [string, string][] =>
      path === undefined ? [] : [[path, "a file of the seed"]],
    ),
    ...read,
  ];
}

/** Returns the paths that the artifact replaces, as far as the template tells. */
function filesWritten({ steps }: Template, { folder, images, checksums }: OutputPlan): string[] {
  const written = images.flatMap(({ path }) => [
    path,
    ...checksums.map((algorithm) => checksumPath(path, algorithm)),
  ]);
  const made = steps.flatMap(({ actions }) =>
    actions.flatMap(({ type, value }) => type.outputs(value as never)),
  );
  const entries = made.flatMap(({ to }) => entryOf(to) ?? []);
  return [...written, ...[MANIFEST_NAME, ...entries].map((name) => join(folder, name))];
}

/**
 * Describes each file that the template reads and its artifact would overwrite.
 * @returns complete sentences without a full stop.
 */
export async function findOverwritten(template: Template, output: OutputPlan): Promise<string[]> {
  const problems: string[] = [];
  for (const written of filesWritten(template, output)) {
    const target = await resolveFolder(written);
    for (const [path, what] of filesRead(template)) {
      const sources = [await resolveFolder(path), await realpath(path).catch(() => path)]; // The file does not exist.
      if (!sources.some((source) => source === target || source.startsWith(`${target}/`))) continue;
      problems.push(`The artifact's ${written} would overwrite ${what}`);
      break;
    }
  }
  return problems;
}

/**
 * Checks that the artifact overwrites nothing that its template reads.
 * @throws {VmbuildError} OUTPUT_TAKEN.
 */
export async function requireNothingOverwritten(
  template: Template,
  output: OutputPlan,
): Promise<void> {
  const [first, ...more] = await findOverwritten(template, output);
  if (first === undefined) return;
  throw new VmbuildError("OUTPUT_TAKEN", first, {
    lines: more,
    hint: "Change output.directory or output.filename, or use another folder with --output DIR.",
  });
}
