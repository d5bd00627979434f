/** Offers the view of a run that is in progress to a user who wants to run the same build. */
import { createInterface } from "node:readline";
import { findActiveRun } from "../builds/running.js";
import { buildPaths, readRuns } from "../builds/workspace.js";
import { VmbuildError } from "../errors.js";
import type { OutputFlags } from "./options.js";
import type { Output } from "./output.js";

/**
 * Asks on a terminal whether to show a run that is in progress, in place of the one that was asked
 * for.
 * @returns false when there is none, or nobody to ask.
 */
export async function wantsToAttach(
  name: string,
  flags: OutputFlags & { readonly json?: boolean },
  { format }: Output,
): Promise<boolean> {
  if (!process.stdin.isTTY || format !== "terminal" || flags.json) return false;
  // A build that has never run has no record.
  if ((await readRuns(buildPaths(name))).length === 0) return false;
  const record = await findActiveRun(name);
  if (!record) return false;
  const { runId, pid } = record;
  const question = `${name} is running already (run ${runId}, process ${pid}). Show it? [Y/n] `;
  return /^(y|yes|)$/i.test((await ask(question)).trim());
}

/** Asks on the terminal. Throws INTERRUPTED on Ctrl-C and at the end of the input. */
function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise<string>((resolve, reject) => {
    lines.once("close", () => reject(new VmbuildError("INTERRUPTED", "Interrupted (Ctrl-C)")));
    lines.question(question, (answer) => {
      resolve(answer);
      lines.close();
    });
  });
}
