/** Records a published image in the manifest of Packer's format. */
import { basename, join, resolve } from "node:path";
import { RUN_UUID, appendToPackerManifest } from "../artifact/packer-manifest.js";
import type { RunResult } from "../events/result.js";
import { relativeToCurrent } from "../host/current-folder.js";
import type { ContextWith } from "./context.js";

/** Identifier that Packer's builder gives all its artifacts (builder/qemu/artifact.go). */
const ARTIFACT_ID = "VM";

/** Returns the image's path as Packer writes it: below the folder as it is given. */
function shownPath(path: string): string {
  const shown = relativeToCurrent(path);
  return shown.startsWith("..") ? path : shown;
}

/**
 * Appends the image to the manifest, if the template has one.
 * @throws {VmbuildError} AFTER_FAILED if the manifest cannot be written.
 */
export async function recordInPackerManifest(
  { template, output }: ContextWith<"template" | "output">,
  { artifact }: RunResult,
): Promise<void> {
  const settings = template.output.packerManifest;
  if (!settings || !artifact) return;
  const { file, buildName, builderType, stripPath, stripTime, customData } = settings;
  const path = join(output.folder, basename(artifact.path));
  await appendToPackerManifest(resolve(file), {
    name: buildName ?? template.name,
    builder_type: builderType,
    ...(stripTime ? {} : { build_time: Math.floor(Date.now() / 1000) }),
    files: [{ name: stripPath ? basename(path) : shownPath(path), size: artifact.size }],
    artifact_id: ARTIFACT_ID,
    packer_run_uuid: RUN_UUID,
    custom_data: customData
      ? Object.fromEntries(
          Object.entries(customData).toSorted(([one], [other]) => (one < other ? -1 : 1)),
        )
      : null,
  });
}
