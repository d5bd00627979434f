/** Runs a template's steps on existing machines for `vmbuild create`. */
import { basename } from "node:path";
import { VmbuildError, asVmbuildError } from "../errors.js";
import type { CreateFields, CreateJob, CreateResult } from "./create-job.js";
import { parseTime } from "./lease-options.js";
import { loadFromFlags } from "./options.js";
import { parseFlags, runAll } from "./provision.js";
import type { Outcome } from "./provision.js";

/** Longest time that a timer supports. Milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Returns a signal that aborts at the deadline; one that never aborts without a deadline. */
function deadlineOf(ms: number | undefined): AbortSignal {
  const controller = new AbortController();
  if (ms === undefined) return controller.signal;
  const end = (): void => {
    const message = "The time of the run (ttl) has passed";
    const hint = "Run the command again, with more time: --input ttl=TIME.";
    controller.abort(new VmbuildError("LEASE_EXPIRED", message, { hint }));
  };
  setTimeout(end, Math.min(ms, MAX_TIMER_MS)).unref();
  return controller.signal;
}

function machineOf({ host, end, runFolder }: Outcome): CreateFields {
  const id = runFolder === undefined ? null : basename(runFolder);
  const common = { host: host.text, id, runFolder: runFolder ?? null };
  if (!end) return { ...common, state: "not started" };
  if ("error" in end) return { ...common, state: "failed", code: end.error.code };
  const { outputs } = end.result;
  return { ...common, state: "done", ...(outputs === undefined ? {} : { outputs }) };
}

/** Returns the error of a machine: its own, or the reason for which it was not started. */
function errorsOf({ end }: Outcome, ending: AbortSignal): VmbuildError[] {
  if (!end) return [asVmbuildError(ending.reason)];
  return "error" in end ? [end.error] : [];
}

/**
 * Runs the steps of a template on the machines, one after the other.
 * @throws {VmbuildError} the errors of loading the template; USAGE for a value that is not valid.
 */
export async function attachToMachines(job: CreateJob): Promise<CreateResult> {
  const { request, profile, flags: given, output, signal } = job;
  const template = await loadFromFlags(request.template, given);
  const { acceptNewHostKeys: acceptNew, wait } = profile;
  const common = { logFormat: "auto", color: "auto", parallel: 1 } as const;
  const flags = { ...given, ...common, host: request.hosts, acceptNew, wait };
  const parsed = parseFlags(template, flags);
  const ttlMs = request.ttl === undefined ? undefined : parseTime("ttl", request.ttl);
  const startedAt = new Date();
  const deadline = deadlineOf(ttlMs);
  const ending = AbortSignal.any([signal, deadline]);
  const outcomes = await runAll(template, { flags, parsed, output }, ending);
  const expiresAt =
    ttlMs === undefined ? null : new Date(startedAt.getTime() + ttlMs).toISOString();
  const machines = outcomes.map(machineOf);
  const [first] = machines;
  const error = outcomes.flatMap((outcome) => errorsOf(outcome, ending))[0];
  const times = {
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    expiresAt,
  };
  const fields = {
    id: first?.["id"] ?? null,
    runFolder: first?.["runFolder"] ?? null,
    name: template.name,
    artifact: null,
    ...times,
    machines,
  };
  return { fields, error };
}
