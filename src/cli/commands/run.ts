/** Defines the `run` command. */
import { Command, Option } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions, collect, parseCount } from "../options.js";
import { addLeaseOptions } from "./lease-options.js";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const run: DefineCommand = (setExitCode) => {
  const command = new Command("run")
    .description("build the images of one or more templates")
    .argument("[template...]", "paths of templates, or names under appliances/")
    .option("--all", "build all templates under appliances/")
    .option("--output <dir>", "write the image to this folder; with several templates, to DIR/NAME")
    .addOption(
      new Option("--on-error <what>", "on failure, end the run or leave the machine running")
        .choices(["fail", "pause"] as const)
        .default("fail" as const),
    )
    .option("--break <place>", "pause at before:STEP or after:STEP (repeatable)", collect)
    .option("--debug", "pause after every step, as packer -debug does, and show how to get in")
    .option("--parallel <n>", "build this many templates at the same time", parseCount, 1)
    .option("--no-bases", "use the images of other templates as they are; do not build them first")
    .option("--force", "ignore checkpoints; rebuild from the base image")
    .option("--max-age <age>", "rebuild from the base image if the image is older: 7d, 12h")
    .option("--from <step>", "rerun from this step")
    .option("--retry", "rerun from the step that failed in the last run")
    .option("--until <step>", "stop after this step and save a checkpoint; make no image")
    .option("--no-checkpoints", "neither use nor save checkpoints")
    .option("--explain", "show which steps would run and why, then exit")
    .option("--check", "verify the checksums of an image that is up to date")
    .option("--offline", "use cached inputs without asking servers for newer ones")
    .option("--keep-work", "keep the working disk, the seed and the keys")
    .option("--release <release>", "set the variable `release`, and require a clean git work tree")
    .option("--create-patches", "make an archive of all present updates, too; see output.patches")
    .option("--require-clean", "refuse to build from uncommitted changes")
    .option("--skip-commit", "build from uncommitted changes in spite of the options above")
    .option("--commit-manifest", "commit the manifest of output.packerManifest after the build")
    .option("--detach", "run in the background, and print the id of the run")
    .addOption(new Option("--detached-run <id>").hideHelp())
    .option("--install", "with --on: install this vmbuild there, if it is missing")
    .option("--include <path>", "with --on: send this file or folder too (repeatable)", collect)
    .addOption(
      new Option("--fetch <when>", "with --on: get the image, or leave it there")
        .choices(["yes", "no"] as const)
        .default("yes" as const),
    )
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(addLeaseOptions(addOnOption(addTemplateOptions(command))))
    .addHelpText(
      "after",
      `
A base that is the image of another template is built first, when it is missing or out of date.
--var, --var-file, --input and --accel apply to such bases as well, other options only to the
templates that are named. Templates that depend on one that fails are not built; all others are.

At each stop of --debug and --break, the machine keeps running, and the line \`vmbuild ssh NAME\`
that opens a shell in it is shown, with --on for a run on another host. Enter goes on, and so does the
end of that shell, unless it was opened with --keep. Unlike packer -debug, --debug stops after each
step, not between the phases of the builder, and writes no key file: vmbuild ssh logs in with the
build's own key. Other builds of --parallel go on.

Examples:
  vmbuild run demo
  vmbuild run slm-copilot.json --accel tcg --memory 4G
  vmbuild run demo --break after:packages        then look inside: vmbuild ssh demo
  vmbuild run demo --retry                       rerun the step that failed
  vmbuild run demo --max-age 7d                  rebuild an image that is a week old
  vmbuild run rocky8-base --release 2.4.0 --commit-manifest
  vmbuild run rocky8-base --create-patches
  vmbuild run demo --explain                     show what would run, and what changed
  vmbuild run demo --detach --ttl 4h             run in the background, for four hours at most
  vmbuild run demo --on ssh://me@builder         run on another host, and get the image
  vmbuild run debian-12 debian-13 --parallel 2 --json
  vmbuild run --all --parallel 2                 all templates, each after its base
  vmbuild run debian.pkr.hcl                     build the images of a Packer template`,
    )
    .action(async (names, flags, command) => {
      const { hostFor } = await import("../../hosts/contexts.js");
      const address = await hostFor(flags.on);
      if (address !== undefined) {
        const { runOn } = await import("../run-on.js");
        return setExitCode(await runOn(address, names, flags, command));
      }
      const work = await import("../run.js");
      setExitCode(await work.run(names, flags));
    });
};
