/** Opens what earlier runs of a build could not deliver, and tells of runs that were killed. */
import { ERRORS } from "../errors.js";
import { EVENT_VERSION } from "../events/types.js";
import type { RunEvent } from "../events/types.js";
import type { EarlierSpool, SentEvent } from "./kind.js";
import { Spool } from "./spool.js";
import type { SpoolOptions } from "./spool.js";

/** Returns the event by which a killed run is told. */
function endOf(run: EarlierSpool, { code, runFolder, durationMs }: Killed): RunEvent {
  const { exit, meaning, remedy } = ERRORS[code];
  const error = { code, exit, message: meaning, hint: remedy, lines: [], details: { runFolder } };
  const time = new Date().toISOString();
  return { v: EVENT_VERSION, time, build: run.build, type: "run.failed", durationMs, error };
}

type Killed = NonNullable<EarlierSpool["killed"]>;

/**
 * Opens the spool of an earlier run. The spool of a killed run gets the event `run.failed`.
 * @param wants decides whether the sink gets an event.
 */
export async function openEarlier(
  run: EarlierSpool,
  options: Omit<SpoolOptions, "folder">,
  wants: (event: RunEvent) => boolean,
): Promise<Spool> {
  const spool = await Spool.open({ ...options, folder: run.folder });
  // A spool without events was never used, and an earlier run may have told of the end already.
  const isTold = spool.lastSeq === 0 || spool.lastType === "run.failed";
  if (!run.killed || isTold) return spool;
  const seq = spool.lastSeq + 1;
  const { runId } = run;
  const event: SentEvent = { ...endOf(run, run.killed), id: `${runId}-${seq}`, seq, runId };
  if (wants(event)) spool.add(event);
  return spool;
}
