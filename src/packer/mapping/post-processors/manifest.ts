/** Post-processors `manifest` and `artifice`: the list of a build's files. */
import { basename, dirname, join } from "node:path";
import { MANIFEST_NAME } from "../../../artifact/manifest.js";
import { isBesideImage } from "../context.js";
import { isPlainObject, shownValue } from "../plain.js";
import type { PlainObject } from "../plain.js";
import type { PostContext, PostProcessorKind } from "../post-processor.js";
import { mapped, nothing } from "../rules.js";

const DEFAULT_FILE = "packer-manifest.json";

/** Returns whether a file is vmbuild's own manifest, which is in the folder of the image. */
function isOwnManifest(file: string, context: PostContext): boolean {
  return isBesideImage(context, file) && basename(file).toLowerCase() === MANIFEST_NAME;
}

/** Packer's manifest. */
export const manifestPostProcessor: PostProcessorKind = {
  name: "manifest",
  rules: {
    output: mapped("output.packerManifest.file"),
    strip_path: mapped("output.packerManifest.stripPath"),
    strip_time: mapped("output.packerManifest.stripTime"),
    custom_data: mapped("output.packerManifest.customData"),
  },
  convert(reader, context) {
    const { draft, source } = context;
    const file = reader.text("output") || DEFAULT_FILE;
    const kept = reader.jsonText("output") || file;
    const isTaken = [file, kept].some((path) => isOwnManifest(path, context));
    const data = reader.json("custom_data");
    const path = ["output", "packerManifest"];
    if (draft.get(path) !== undefined) {
      reader.say("output", "refused", "vmbuild writes one manifest of Packer's for each image");
      return Promise.resolve();
    }
    const manifest: PlainObject = {
      file: isTaken ? join(dirname(kept), DEFAULT_FILE) : kept,
      buildName: source.buildName,
      builderType: source.type,
      ...(reader.flag("strip_path") && { stripPath: true }),
      ...(reader.flag("strip_time") && { stripTime: true }),
      ...(isPlainObject(data) && {
        customData: Object.fromEntries(
          Object.entries(data).map(([key, value]) => [key, shownValue(value)]),
        ),
      }),
    };
    draft.set(path, manifest, reader.origin("output"));
    if (isTaken) {
      const text = `output.packerManifest.file: named ${DEFAULT_FILE}, because ${MANIFEST_NAME} in the output folder is vmbuild's own manifest`;
      reader.say("output", "mapped", text);
    }
    return Promise.resolve();
  },
};

/** Files that later post-processors take in place of the image. */
export const artificePostProcessor: PostProcessorKind = {
  name: "artifice",
  rules: {
    files: nothing("commands in after name the files that they use themselves"),
  },
  convert: () => Promise.resolve(),
};
