/** Defines the options that name a release. */
import { Command, Option } from "@commander-js/extra-typings";
import type { OptionValues } from "@commander-js/extra-typings";
import { addGroup } from "./option-group.js";

const releaseOptions = () =>
  new Command()
    .addOption(
      new Option(
        "--store <store>",
        "use releases in github:OWNER/REPO, s3://BUCKET/PREFIX or a folder",
      )
        .env("VMBUILD_STORE")
        .makeOptionMandatory(),
    )
    .option("--tag <tag>", "use the release with this tag", "latest");

/** Creates a subcommand for images of a release: named ones, or all of them. */
export function imagesCommand(name: string, description: string) {
  return new Command(name)
    .description(description)
    .argument("[image...]", "the names of the images")
    .option("--all", "take every image of the release");
}

/** Values of the options that {@link addReleaseOptions} adds. */
export type ReleaseFlags = Readonly<ReturnType<ReturnType<typeof releaseOptions>["opts"]>>;

/** Adds the options that name a release. */
export function addReleaseOptions<A extends unknown[], O extends OptionValues>(
  command: Command<A, O>,
): Command<A, O & ReleaseFlags> {
  return addGroup(command, releaseOptions());
}
