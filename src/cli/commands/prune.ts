/** Defines the `prune` command. */
import { Command } from "@commander-js/extra-typings";
import { parseCount } from "../options.js";
import type { DefineCommand } from "./define.js";

export const prune: DefineCommand = (setExitCode) =>
  new Command("prune")
    .description("remove old logs, stale sockets and unused cache entries")
    .option("--keep <n>", "keep the logs of this many runs of each build", parseCount, 5)
    .option("--older-than <time>", "remove cache entries and checkpoints unused for so long", "30d")
    .option(
      "--max-size <size>",
      "then evict least recently used cache entries until the caches fit this size",
      "20G",
    )
    .option("--all", "remove all caches, and the working disks of finished runs")
    .option("--dry-run", "show what would be removed, and remove nothing")
    .option("--json", "print what was removed as one JSON object")
    .addHelpText(
      "after",
      `
Files of a running build and finished images are never removed.

Examples:
  vmbuild prune --dry-run
  vmbuild prune --older-than 7d --max-size 5G
  vmbuild prune --all --keep 1`,
    )
    .action(async (flags) => {
      const work = await import("../prune.js");
      setExitCode(await work.prune(flags));
    });
