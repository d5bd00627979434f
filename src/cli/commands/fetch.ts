/** Defines the `fetch` command. */
import { Command } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const fetch: DefineCommand = (setExitCode) =>
  addOnOption(
    new Command("fetch")
      .description("get the image of a build from the host where it was built")
      .argument("<name>", "the build")
      .option("--run <run>", "get the image of an earlier run: its id, or a version")
      .option("--output <dir>", "write the image to this folder")
      .option("--json", "print the result as one JSON object"),
  )
    .addHelpText(
      "after",
      `
Without --on and --output, the host and the folder are those of the last run --on from here. A
transfer that was interrupted is continued, and every file is verified. With --run, the image of an
earlier run is fetched, as long as no later one has replaced it there.

Examples:
  vmbuild fetch demo
  vmbuild fetch demo --on builder --output images/demo
  vmbuild fetch demo --run 1.2.0`,
    )
    .action(async (name, flags) => {
      const work = await import("../fetch.js");
      setExitCode(await work.fetch(name, flags));
    });
