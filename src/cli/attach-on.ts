/** Implements `vmbuild attach --on`: shows the progress of a run of another host. */
import { exitCodeOf } from "../builds/run-end.js";
import { VmbuildError } from "../errors.js";
import { readResult } from "../events/result.js";
import type { ShownResult } from "../events/result.js";
import type { ErrorReport } from "../events/types.js";
import type { HostAddress } from "../hosts/address.js";
import { findRemoteRun, followRun, releaseRun } from "../hosts/follow.js";
import type { RemoteRun } from "../hosts/follow.js";
import type { AttachFlags } from "./attach.js";
import { interruptible } from "./interrupt.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { showRun } from "./run-view.js";

/** End of a run of another host. `report` is the result as the run has reported it. */
type RemoteEnd =
  | { readonly result: ShownResult; readonly report: unknown }
  | { readonly exitCode: number; readonly error?: ErrorReport };

/**
 * Shows a run of another host until it has ended, or the user leaves the view.
 * @throws {VmbuildError} REMOTE_UNREACHABLE when the connection cannot be opened again.
 */
export async function showRemote(
  address: HostAddress,
  run: RemoteRun & { readonly isInProgress: boolean },
  from: AttachFlags["from"],
  output: Output,
): Promise<RemoteEnd | "left"> {
  const { name } = run;
  const reference = `${name} --on ${address.text}`;
  let last: Awaited<ReturnType<typeof followRun>> | undefined;
  const end = await showRun(
    {
      name,
      isInProgress: run.isInProgress,
      reference,
      async follow(view, signal) {
        const say = (message: string): void => view.say({ type: "note", message });
        last = await followRun(address, run, {
          signal,
          onLine: (line) => view.take(line),
          onCaughtUp: () => view.catchUp(),
          onLost: () =>
            say(`The connection to ${address.text} was lost; the run goes on. Connecting again`),
        });
      },
      release: () => releaseRun(address, run),
    },
    from,
    output,
  );
  if (end === "left") return end;
  if (end?.type === "run.finished") {
    return { result: readResult(end.result), report: end.result };
  }
  if (end) return { exitCode: end.error.exit, error: end.error };
  if (last && last.state !== "interrupted") return { exitCode: exitCodeOf(last) };
  const code = last?.outcome === "LEASE_EXPIRED" ? "LEASE_EXPIRED" : "RUN_KILLED";
  throw new VmbuildError(code, `The process of the run ${run.runId} of ${name} was killed`);
}

/** Runs the command for another host; returns the exit code of the run, or 0 when it was left. */
export async function attachOn(
  address: HostAddress,
  text: string | undefined,
  flags: AttachFlags,
): Promise<number> {
  if (flags.hold) {
    throw new VmbuildError("USAGE", "--hold cannot be used with --on", {
      hint: "Holders of a lease connect on the host of the run.",
    });
  }
  const output = createOutput(flags);
  const run = await interruptible((signal) => findRemoteRun(address, text, signal));
  const end = await showRemote(address, { ...run, isInProgress: true }, flags.from, output);
  if (end === "left") return 0;
  if ("exitCode" in end) return end.exitCode;
  const { path } = end.result.artifact;
  if (path !== undefined) {
    output.log(`The image is on ${address.text}: ${path}`);
    output.log(`Fetch it: vmbuild fetch ${run.name} --on ${address.text}.`);
  }
  return 0;
}
