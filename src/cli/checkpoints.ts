/**
 * Implements `vmbuild checkpoints`: lists the checkpoints of a build with their validity, and
 * removes them.
 */
import { removeCheckpoints } from "../run/checkpoints/remove.js";
import { buildNames } from "../builds/running.js";
import { buildPaths } from "../builds/workspace.js";
import type { CheckpointRecords } from "../checkpoints/records.js";
import { readRecords } from "../checkpoints/records.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { sizeOnDisk } from "../host/files.js";
import { formatBytes } from "../host/format.js";
import { interruptible } from "./interrupt.js";
import { formatAge } from "./list.js";
import { previewRun } from "./preview.js";
import { loadFromFlags } from "./options.js";
import type { TemplateFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { alignRows } from "./table.js";

/** Flags of the command. */
export interface CheckpointsFlags extends TemplateFlags {
  readonly json?: boolean;
}

/** Checkpoint in the list. Sizes are bytes. */
interface Row {
  readonly index: number | null;
  readonly step: string;
  readonly createdAt: string;
  readonly memoryBytes: number;
  readonly diskBytes: number | null;
  /** Null where there is no template to compare with. */
  readonly valid: boolean | null;
  readonly reason: string;
}

/** Validity of the checkpoints for the current template. */
interface Validity {
  readonly name: string;
  readonly keys: readonly string[] | undefined;
  readonly records: CheckpointRecords | undefined;
  readonly why: string;
}

/**
 * Compares the checkpoints with the template. A build whose template is missing is listed without
 * validity.
 */
async function checkValidity(
  nameOrPath: string,
  flags: TemplateFlags,
  output: Output,
): Promise<Validity> {
  let template;
  try {
    template = await loadFromFlags(nameOrPath, flags);
  } catch (thrown) {
    const error = asVmbuildError(thrown);
    const known = (await buildNames()).includes(nameOrPath);
    if (error.code !== "TEMPLATE_NOT_FOUND" || !known) throw error;
    const records = await readRecords(buildPaths(nameOrPath));
    return { name: nameOrPath, keys: undefined, records, why: "template not found" };
  }
  const found = template;
  const { plan } = await interruptible((signal) => previewRun(found, flags, output, { signal }));
  const first = plan.decision.steps.find(({ cached }) => !cached);
  const why = first ? `step ${first.index} (${first.step}): ${first.reason}` : "";
  return { name: found.name, keys: plan.decision.keys, records: plan.store.records, why };
}

function rowsOf({ keys, records, why }: Validity): Row[] {
  if (!records) return [];
  const states = records.checkpoints
    .toSorted(
      (one, other) => one.index - other.index || one.createdAt.localeCompare(other.createdAt),
    )
    .map((state): Row => {
      const { index, createdAt, memoryBytes, diskBytes, changedByHand } = state;
      const valid = keys ? keys[index] === state.key : null;
      const byHand = changedByHand === undefined ? "" : "modified with ssh --save";
      const reason = valid === true ? byHand : why;
      const step = index === 0 ? "(booted)" : state.step;
      return { index, step, createdAt, memoryBytes, diskBytes, valid, reason };
    });
  const { failed } = records;
  if (!failed) return states;
  const { step, createdAt, memoryBytes, reason } = failed;
  const row = { index: null, step: `${step} (failed)`, createdAt, memoryBytes, diskBytes: null };
  return [...states, { ...row, valid: null, reason }];
}

async function list(nameOrPath: string, flags: CheckpointsFlags): Promise<number> {
  const output = createOutput();
  const verdict = await checkValidity(nameOrPath, flags, output);
  const rows = rowsOf(verdict);
  const { disk, disks } = buildPaths(verdict.name);
  const size = (await sizeOnDisk(disk)) + (await sizeOnDisk(disks));
  if (flags.json) {
    output.printJson({ name: verdict.name, diskSize: size, checkpoints: rows });
    return 0;
  }
  if (rows.length === 0) {
    output.log(`${verdict.name} has no checkpoints.`);
    return 0;
  }
  const style = output.stdoutStyle;
  const validity = ({ valid, index }: Row): string => {
    if (index === null) return style.dim("for ssh");
    if (valid === null) return style.dim("unknown");
    return valid ? style.green("valid") : style.yellow("stale");
  };
  const head = ["", "STEP", "AGE", "MEMORY", "DISK", "", ""].map(style.dim);
  const cells = rows.map((row) => [
    row.index === null ? "" : String(row.index),
    row.step,
    formatAge(Date.now() - Date.parse(row.createdAt)),
    formatBytes(row.memoryBytes),
    row.diskBytes === null ? "" : formatBytes(row.diskBytes),
    validity(row),
    row.reason.split("\n")[0] ?? "",
  ]);
  output.print(alignRows([head, ...cells]).join("\n"));
  output.print(style.dim(`The working disk takes ${formatBytes(size)}.`));
  return 0;
}

/** Removes the checkpoints of the given steps, or all; returns the exit code. */
export async function removeNamed(
  nameOrPath: string,
  steps: readonly string[],
  flags: TemplateFlags,
): Promise<number> {
  const output = createOutput();
  const names = await buildNames();
  const name = names.includes(nameOrPath)
    ? nameOrPath
    : (await loadFromFlags(nameOrPath, flags)).name;
  const records = await readRecords(buildPaths(name));
  const known = new Set(records?.checkpoints.map(({ step }) => step));
  const unknown = steps.find((step) => !known.has(step));
  if (unknown !== undefined) {
    throw new VmbuildError("CHECKPOINT_UNKNOWN", `${name} has no checkpoint after ${unknown}`, {
      hint: known.size > 0 ? `There are ${[...known].filter(Boolean).join(", ")}.` : undefined,
    });
  }
  const count = await interruptible((signal) => removeCheckpoints(name, steps, signal));
  output.log(`Removed ${count} checkpoints of ${name}.`);
  return 0;
}

/**
 * Lists a build's checkpoints; returns the exit code.
 * @param words empty, or `rm` and steps: the syntax of earlier versions.
 * @throws {VmbuildError} USAGE for other words.
 */
export async function listOrRemove(
  nameOrPath: string,
  words: readonly string[],
  flags: CheckpointsFlags,
): Promise<number> {
  const [action, ...steps] = words;
  if (action === undefined) return list(nameOrPath, flags);
  if (action === "rm") return removeNamed(nameOrPath, steps, flags);
  throw new VmbuildError("USAGE", `Unknown action "${action}"`, {
    hint: "Use `vmbuild checkpoints list NAME` or `vmbuild checkpoints rm NAME STEP...`.",
  });
}
