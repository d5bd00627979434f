/** Implements `vmbuild renew`: moves the deadline of a run's lease. */
import { sendRequest } from "../builds/control-client.js";
import { RENEW_REQUEST } from "../builds/control-messages.js";
import { findNamedRun } from "../builds/find-run.js";
import { isInProgress } from "../builds/records.js";
import { VmbuildError } from "../errors.js";
import { interruptible } from "./interrupt.js";
import { parseTime } from "./lease-options.js";
import { createOutput } from "./output.js";

/** Runs the command; returns the exit code. Prints the new deadline. */
export async function renew(text: string, time: string): Promise<number> {
  const output = createOutput();
  const ms = parseTime("TIME", time);
  const { record } = await findNamedRun(text);
  const { name, runId, control } = record;
  if (!isInProgress(record)) {
    throw new VmbuildError("BUILD_UNKNOWN", `The run ${runId} of ${name} has ended`, {
      hint: `To open its machine, run vmbuild ssh ${name}. To run it again: vmbuild run ${name} --ttl ${time}`,
    });
  }
  if (control === undefined) {
    throw new VmbuildError("BUILD_UNKNOWN", `The run ${runId} of ${name} is only just beginning`, {
      hint: "Run the command again in a moment.",
    });
  }
  const { expiresAt } = await interruptible((signal) =>
    sendRequest(control, RENEW_REQUEST, signal, { ms }),
  );
  if (typeof expiresAt === "string") output.print(expiresAt);
  return 0;
}
