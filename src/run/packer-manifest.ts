/** Records a published image in the manifest of Packer's format. */
import { basename, join, resolve } from "node:path";
import { RUN_UUID, appendToPackerManifest } from "../artifact/packer-manifest.js";
import type { RunResult } from "../events/result.js";
import { relativeToCurrent } from "../host/current-folder.js";
import { fillIn } from "../template/host-commands.js";
import { packerManifestSettings } from "../template/packer-manifest-schema.js";
import type { ContextWith } from "./context.js";
import { imageValues } from "./image-values.js";

/** Returns the image's path as Packer writes it: below the folder as it is given. */
function shownPath(path: string): string {
  const shown = relativeToCurrent(path);
  return shown.startsWith("..") ? path : shown;
}

/** Returns texts with their references filled in, sorted by key as Go does. */
function fillAll(
  texts: Readonly<Record<string, string>>,
  values: ReadonlyMap<string, string>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, text]) => [key, fillIn(text, values)]),
  );
}

/**
 * Appends the image to the manifest, if the template has one.
 * @throws {VmbuildError} AFTER_FAILED if the manifest cannot be written.
 */
export async function recordInPackerManifest(
  { template, output, options }: ContextWith<"template" | "output" | "options">,
  result: RunResult,
): Promise<void> {
  const { artifact } = result;
  if (template.output.packerManifest === undefined || !artifact) return;
  const settings = packerManifestSettings(template.output.packerManifest);
  const { file, buildName, builderType, artifactId, stripPath, stripTime, customData } = settings;
  const values = imageValues(output, result);
  const path = join(output.folder, basename(artifact.path));
  const entry = {
    name: buildName ?? template.name,
    builder_type: builderType,
    ...(stripTime ? {} : { build_time: Math.floor(Date.now() / 1000) }),
    files: [{ name: stripPath ? basename(path) : shownPath(path), size: artifact.size }],
    artifact_id: fillIn(artifactId, values),
    packer_run_uuid: RUN_UUID,
    custom_data: customData ? fillAll(customData, values) : null,
  };
  await appendToPackerManifest(resolve(file), entry, options.signal);
}
