/** Defines the `images` command and its subcommands `list`, `download`, `publish` and `tofu`. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions } from "../options.js";
import type { DefineCommand, SetExitCode } from "./define.js";
import { addReleaseOptions, imagesCommand } from "./release-options.js";

const HELP = `
The release may be one of \`vmbuild release upload\`, or have been made by other programs. Several
parts of an image are downloaded at once, and joined while they arrive. The image gets its name when
every part and the whole are verified. A download that was interrupted is continued.
\`vmbuild release --help\` describes the stores.

Examples:
  vmbuild images list --store github:example/images
  vmbuild images download debian-13 --store github:example/images --output /srv/images
  vmbuild images publish --all --store github:example/images --to '/var/lib/vz/template/iso/\${name}.img'
  vmbuild images tofu --all --store github:example/images --output images.auto.tfvars.json`;

function defineList(setExitCode: SetExitCode) {
  const command = new Command("list")
    .description("list the images of a release")
    .option("--json", "print the list as one JSON object");
  return addOutputOptions(addReleaseOptions(command)).action(async (flags) => {
    const work = await import("../images.js");
    setExitCode(await work.listAll(flags));
  });
}

function defineDownload(setExitCode: SetExitCode) {
  const command = imagesCommand("download", "download images and verify them")
    .option("--output <dir>", "write the images to this folder", ".")
    .option("--force", "download images again that are already there")
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(addReleaseOptions(command)).action(async (names, flags) => {
    const work = await import("../images.js");
    setExitCode(await work.downloadNamed(names, flags));
  });
}

function definePublish(setExitCode: SetExitCode) {
  const command = imagesCommand(
    "publish",
    "place images of a release in a folder of this host or of another",
  )
    .requiredOption("--to <target>", "a folder, a file, or ssh://user@host/path")
    .option("--identity <file>", "log in with this private key, not with those of ~/.ssh")
    .option("--dry-run", "show what would be done, and change nothing")
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(addReleaseOptions(command)).action(async (names, flags) => {
    const work = await import("../images.js");
    setExitCode(await work.publishNamed(names, flags));
  });
}

function defineTofu(setExitCode: SetExitCode) {
  const command = imagesCommand("tofu", "write images as a variable of OpenTofu or Terraform")
    .option("--variable <name>", "the name of the variable", "images")
    .option("--output <file>", "write to this file, not to standard output");
  return addOutputOptions(addReleaseOptions(command)).action(async (names, flags) => {
    const work = await import("../images.js");
    setExitCode(await work.tofuNamed(names, flags));
  });
}

export const images: DefineCommand = (setExitCode) =>
  new Command("images")
    .description("list, download and publish the images of a release")
    .usage("<command> [options]")
    .helpCommand(false)
    .addCommand(defineList(setExitCode))
    .addCommand(defineDownload(setExitCode))
    .addCommand(definePublish(setExitCode))
    .addCommand(defineTofu(setExitCode))
    .addHelpText("after", HELP);
