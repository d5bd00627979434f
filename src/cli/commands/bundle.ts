/** Defines the `bundle` command and its subcommands `create` and `verify`. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions } from "../options.js";
import type { DefineCommand, SetExitCode } from "./define.js";

const HELP = `
A release bundle is a tar archive with manifest.yaml and the files that it lists: images, archives of
patches. The manifest is a list of kind, name, path and sha256, as \`vmbuild publish --entries\`
prints it. The archive has no compression, and no features that the tar of busybox does not read; a
stick of vmbuild installer installs the image of a bundle.

Examples:
  vmbuild bundle create manifest.yaml --files builds/ --output release-2.4.0.tar
  vmbuild bundle verify release-2.4.0.tar
  vmbuild bundle verify builds/                  a folder with manifest.yaml and its files`;

function defineCreate(setExitCode: SetExitCode) {
  const command = new Command("create")
    .description("pack the files of a release, after their sums were compared with its manifest")
    .argument("<manifest>", "manifest.yaml of the release")
    .requiredOption("--output <file>", "the archive, such as release-2.4.0.tar")
    .option("--files <dir>", "look for the files in this folder, not in that of the manifest")
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(command).action(async (manifest, flags) => {
    const work = await import("../bundle.js");
    setExitCode(await work.create(manifest, flags));
  });
}

function defineVerify(setExitCode: SetExitCode) {
  const command = new Command("verify")
    .description("require the files of the manifest, unchanged, and no others")
    .argument("<bundle>", "an archive, or a folder with manifest.yaml and its files")
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(command).action(async (bundle, flags) => {
    const work = await import("../bundle.js");
    setExitCode(await work.verify(bundle, flags));
  });
}

export const bundle: DefineCommand = (setExitCode) =>
  new Command("bundle")
    .description("pack the files of a release into one archive, and check such archives")
    .usage("<command> [options]")
    .helpCommand(false)
    .addCommand(defineCreate(setExitCode))
    .addCommand(defineVerify(setExitCode))
    .addHelpText("after", HELP);
