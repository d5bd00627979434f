/** Records how a run ended. */
import { asVmbuildError } from "../errors.js";
import type { VmbuildError } from "../errors.js";
import { reportError } from "../events/report.js";
import type { Workspace } from "../builds/workspace.js";
import type { ContextWith } from "./context.js";
import type { Meter } from "./meter.js";

/** Records and reports the failure of a run, and returns the error. */
export async function recordFailure(
  { workspace, emit }: ContextWith<"workspace" | "emit">,
  meter: Meter,
  error: VmbuildError,
): Promise<VmbuildError> {
  await updateRecord(workspace, { state: "failed", outcome: error.code }).catch(
    (thrown: unknown) => {
      // The run may have failed because this disk is full or was removed.
      emit({
        type: "note",
        message: `The run's record could not be written: ${asVmbuildError(thrown).message}`,
      });
    },
  );
  emit({ type: "run.failed", durationMs: meter.totalMs, error: reportError(error) });
  return error;
}

/** Records the end of a run. */
export async function updateRecord(
  workspace: Workspace,
  end: { state: "done" | "failed"; outcome?: string; artifact?: string },
): Promise<void> {
  const endedAt = new Date().toISOString();
  await workspace.update({ ...end, endedAt, machine: undefined, control: undefined });
}
