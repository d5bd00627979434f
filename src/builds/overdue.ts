/**
 * Keeps the deadlines of runs whose own process cannot keep them: one that was killed, and one that
 * no longer works.
 */
import { VmbuildError, systemCode } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { lockHolder, tryLock } from "../host/lock.js";
import { sendRequest } from "./control-client.js";
import { CHECK_LEASE_REQUEST } from "./control-messages.js";
import { isInProgress } from "./records.js";
import { buildNames } from "./running.js";
import { buildPaths, cleanUp, readRuns } from "./workspace.js";
import type { BuildPaths, RunRecord } from "./workspace.js";

/** Time after its deadline in which a run ends by itself. Milliseconds. */
const OWN_TIME_MS = 60_000;
/** Time in which the process of a run answers, even on a busy host. Milliseconds. */
const ANSWER_MS = 5000;

/**
 * Sends SIGKILL to the process of a run, with which its machine and all its programs end. A process
 * that does not hold the build's lock is not the run's, even if it has its number.
 * @returns whether the signal was sent.
 */
export async function killRun(
  build: BuildPaths,
  { pid }: Pick<RunRecord, "pid">,
): Promise<boolean> {
  if (pid <= 1 || pid === process.pid || (await lockHolder(build.lock)) !== pid) return false;
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch (error) {
    if (systemCode(error) === "ESRCH") return false;
    throw error;
  }
}

/** Returns whether the process of a run answers on its control socket. */
async function answers({ control }: RunRecord): Promise<boolean> {
  if (control === undefined) return false;
  try {
    await sendRequest(control, CHECK_LEASE_REQUEST, AbortSignal.timeout(ANSWER_MS));
    return true;
  } catch (error) {
    // A run that refuses the request has an answer of its own; one that is gone or stopped has none.
    return error instanceof VmbuildError && error.code !== "BUILD_UNKNOWN";
  }
}

/**
 * Ends the run of a build whose deadline has passed. The record of a killed run says so from then
 * on. A process that is alive is asked to check its deadline; when it does not answer, it is killed.
 * @param now present time, in milliseconds since the epoch.
 * @returns the run, when it was ended or found dead.
 */
export async function endOverdueRun(
  name: string,
  now = Date.now(),
): Promise<RunRecord | undefined> {
  const build = buildPaths(name);
  const record = (await readRuns(build)).findLast(isInProgress);
  const deadline = Date.parse(record?.expiresAt ?? "");
  if (!record || !(deadline <= now) || !(await statIfThere(build.lock))) return undefined;
  if (!(await settle(build))) {
    if (now - deadline < OWN_TIME_MS || (await answers(record))) return undefined;
    if (!(await killRun(build, record))) return undefined;
    await settle(build);
  }
  return record;
}

/** Records that killed runs are over; false while a run is in progress. */
async function settle(build: BuildPaths): Promise<boolean> {
  await using lock = await tryLock(build.lock);
  if (!lock) return false;
  await cleanUp(build);
  return true;
}

/** Ends all runs on this host whose deadline has passed; returns those that were ended. */
export async function endOverdueRuns(now = Date.now()): Promise<RunRecord[]> {
  const ended: RunRecord[] = [];
  for (const name of await buildNames()) {
    const record = await endOverdueRun(name, now);
    if (record) ended.push(record);
  }
  return ended;
}
