/** Defines the `release` command and its subcommands `upload`, `remove`, `check` and `verify`. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions } from "../options.js";
import type { DefineCommand, SetExitCode } from "./define.js";
import { addReleaseOptions, imagesCommand } from "./release-options.js";

const HELP = `
A release is a set of files with a tag. --store says where it is:
  github:OWNER/REPO    a release of a repository on GitHub; set GITHUB_TOKEN
  s3://BUCKET/PREFIX   a bucket of S3; set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and,
                       for other servers than Amazon's, AWS_ENDPOINT_URL
  ./FOLDER             a folder of this host

The image of the template NAME becomes the file NAME.qcow2. An image of 2 GiB or more is split into
NAME.qcow2.partaa, NAME.qcow2.partab and so on. NAME.qcow2.json lists the files, and
NAME.qcow2.sha256 has the checksum of the whole image.

Examples:
  vmbuild release upload debian-13 --store github:example/images              show what would be done
  vmbuild release upload --all --store github:example/images --execute
  vmbuild release verify debian-13 --store github:example/images --tag v1.2
  vmbuild release remove debian-11 --store s3://images/vm --execute`;

function defineUpload(setExitCode: SetExitCode) {
  const command = new Command("upload")
    .description("upload finished images; shows what would be done unless --execute is given")
    .argument("[template...]", "the templates of the images")
    .option("--all", "upload every image that was built from a template under appliances/")
    .option("--execute", "change the release")
    .option("--force", "upload what is unchanged too; implies --execute")
    .option("--metadata", "also upload the manifest, packages.txt and the SBOM")
    .option("--prerelease", "mark a new release as a prerelease; one with the tag latest always is")
    .option(
      "--part-size <size>",
      "split images into files of at most this size, such as 1G; 2147483647 bytes if omitted",
    )
    .option("--compression <kind>", "upload images with this compression: zlib for QEMU before 5.1")
    .option("--image <dir>", "look for the image in this folder, not in the template's")
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(addTemplateOptions(addReleaseOptions(command))).action(
    async (names, flags) => {
      const work = await import("../release.js");
      setExitCode(await work.uploadNamed(names, flags));
    },
  );
}

function defineRemove(setExitCode: SetExitCode) {
  const command = imagesCommand(
    "remove",
    "remove images; shows what would be done unless --execute is given",
  )
    .option("--execute", "change the release")
    .option("--force", "the same as --execute")
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(addReleaseOptions(command)).action(async (names, flags) => {
    const work = await import("../release.js");
    setExitCode(await work.removeNamed(names, flags));
  });
}

function defineCheck(setExitCode: SetExitCode) {
  const command = imagesCommand(
    "check",
    "check that images are complete, without downloading them",
  ).option("--json", "print the result as one JSON object");
  return addOutputOptions(addReleaseOptions(command)).action(async (names, flags) => {
    const work = await import("../release.js");
    setExitCode(await work.checkNamed(names, flags));
  });
}

function defineVerify(setExitCode: SetExitCode) {
  const command = imagesCommand(
    "verify",
    "download images without storing them, and compare all checksums",
  ).option("--json", "print the result as one JSON object");
  return addOutputOptions(addReleaseOptions(command)).action(async (names, flags) => {
    const work = await import("../release.js");
    setExitCode(await work.verifyNamed(names, flags));
  });
}

export const release: DefineCommand = (setExitCode) =>
  new Command("release")
    .description("upload images to a release on GitHub, in S3 or in a folder, and check them there")
    .usage("<command> [options]")
    .helpCommand(false)
    .addCommand(defineUpload(setExitCode))
    .addCommand(defineRemove(setExitCode))
    .addCommand(defineCheck(setExitCode))
    .addCommand(defineVerify(setExitCode))
    .addHelpText("after", HELP);
