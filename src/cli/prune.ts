/** Implements `vmbuild prune`: removes files that builds left on this host. */
import { prune as pruneHost } from "../builds/prune/prune.js";
import type { Removal } from "../builds/prune/prune.js";
import { endOverdueRuns } from "../builds/overdue.js";
import { VmbuildError } from "../errors.js";
import { cleanText } from "../events/sinks/text.js";
import { parseDuration, parseSize } from "../fields.js";
import { formatBytes } from "../host/format.js";
import { SIZE_RANGES, readSize } from "../sizes.js";
import { interruptible } from "./interrupt.js";
import { createOutput } from "./output.js";
import { alignRows, countOf } from "./table.js";

/** Flags of the command. */
export interface PruneFlags {
  readonly keep: number;
  readonly olderThan: string;
  readonly maxSize: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

function parseAs(
  flag: string,
  text: string,
  parse: (text: string) => number | undefined,
  example: string,
): number {
  const value = parse(text);
  if (value !== undefined) return value;
  throw new VmbuildError("USAGE", `${flag} ${text}: use for example ${example}`);
}

/** Parses a size in bytes. Zero is allowed. */
function maxSizeOf(text: string): number {
  if (text === "0") return 0;
  parseAs("--max-size", text, parseSize, "20G");
  const size = readSize(text, SIZE_RANGES.limit);
  if ("bytes" in size) return size.bytes;
  throw new VmbuildError("USAGE", `--max-size: ${size.problem}`);
}

/** Runs the command; returns the exit code. */
export async function prune(flags: PruneFlags): Promise<number> {
  const output = createOutput();
  const dryRun = flags.dryRun ?? false;
  const limits = {
    keep: flags.keep,
    olderThanMs: parseAs("--older-than", flags.olderThan, parseDuration, "30d"),
    maxSize: maxSizeOf(flags.maxSize),
    all: flags.all ?? false,
    now: Date.now(),
    dryRun,
  };
  const removed: Removal[] = [];
  if (!dryRun) await endOverdueRuns();
  const busy = await interruptible((signal) =>
    pruneHost({ ...limits, signal }, (removal) => removed.push(removal)),
  );
  const freed = removed.reduce((sum, { size }) => sum + size, 0);
  if (flags.json) {
    output.printJson({ dryRun, freed, removed, busy });
    return 0;
  }
  const rows = removed.map(({ kind, label, size, reason }) => [
    kind,
    size === 0 ? "" : formatBytes(size),
    `${cleanText(label)}  ${output.stdoutStyle.dim(`(${cleanText(reason)})`)}`,
  ]);
  if (rows.length > 0) output.print(alignRows(rows).join("\n"));
  for (const name of busy) output.log(`note: ${name} is running; its files were not touched`);
  const things = countOf(removed.length, "thing");
  const amount = formatBytes(freed);
  if (removed.length === 0) output.print("Nothing to remove.");
  else output.print(dryRun ? `Would free ${amount} (${things}).` : `Freed ${amount} (${things}).`);
  return 0;
}
