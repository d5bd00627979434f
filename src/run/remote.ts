/**
 * Serves the requests by which other processes end a run, extend it or hold it, and ends the run
 * with its lease.
 */
import { join } from "node:path";
import { openControl } from "../builds/control.js";
import type { Control } from "../builds/control.js";
import {
  CHECK_LEASE_REQUEST,
  HOLD_REQUEST,
  RENEW_REQUEST,
  STOP_REQUEST,
} from "../builds/control-messages.js";
import { Lease } from "../builds/lease.js";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { runtimeFolder } from "../host/paths.js";
import type { ContextWith } from "./context.js";

/** Longest time between two checks of a lease, so that a clock that is set takes effect. Milliseconds. */
const CHECK_INTERVAL_MS = 1000;

/** Inputs of {@link openRunControl}. */
interface RunControlInput {
  readonly context: ContextWith<"options" | "workspace" | "template" | "emit">;
  /** Ends the run. */
  readonly end: (error: VmbuildError) => void;
  /** Clocks, as in `LeaseFacts`. */
  readonly wallClock?: () => number;
  readonly steadyClock?: () => number;
}

/** Returns whether the file of a lease exists. A file that cannot be seen counts as existing. */
async function isThere(file: string | undefined): Promise<boolean> {
  if (file === undefined) return false;
  const status = await statIfThere(file).catch(() => "unknown"); // A broken disk ends no run.
  return status !== undefined;
}

/**
 * Opens the control socket of the run, records its path for other processes, and keeps the lease
 * until it is closed.
 * @throws {VmbuildError} HOST_FOLDER when no folder can hold the socket.
 */
export async function openRunControl(input: RunControlInput): Promise<Control> {
  const { context, end, wallClock = Date.now, steadyClock = () => performance.now() } = input;
  const { options, workspace, template, emit } = context;
  const control = await openControl(join(await runtimeFolder(), `${workspace.runId}.ctl`));
  const lease = new Lease(options.lease ?? {}, template.name, emit, wallClock());
  const recordDeadline = async (): Promise<Record<string, unknown>> => {
    const { deadline } = lease;
    if (deadline === undefined) return {};
    const expiresAt = new Date(deadline).toISOString();
    await workspace.update({ expiresAt });
    return { expiresAt };
  };
  const check = async (): Promise<void> => {
    const fileExists = await isThere(options.lease?.file);
    const reason = lease.check({ wallMs: wallClock(), steadyMs: steadyClock(), fileExists });
    if (reason !== undefined) end(new VmbuildError("LEASE_EXPIRED", reason));
    else plan();
  };
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const plan = (): void => {
    clearTimeout(timer);
    if (isClosed) return;
    const wait = Math.max(0, Math.min(CHECK_INTERVAL_MS, lease.timeToNext(wallClock())));
    timer = setTimeout(() => void check(), wait).unref();
  };
  control.on(STOP_REQUEST, () => {
    end(new VmbuildError("TERMINATED", "The run was stopped by vmbuild stop"));
    return Promise.resolve({});
  });
  control.on(RENEW_REQUEST, ({ ms }) => {
    if (typeof ms !== "number" || !(ms > 0)) {
      throw new VmbuildError("USAGE", "A lease is renewed for a number of milliseconds");
    }
    lease.renew(ms, wallClock());
    plan();
    return recordDeadline();
  });
  control.on(HOLD_REQUEST, (_values, gone) => {
    const release = lease.hold();
    if (gone.aborted) release();
    gone.addEventListener("abort", release, { once: true });
    return Promise.resolve({});
  });
  control.on(CHECK_LEASE_REQUEST, async () => {
    await check();
    return {};
  });
  const close = async (): Promise<void> => {
    isClosed = true;
    clearTimeout(timer);
    await control[Symbol.asyncDispose]();
  };
  try {
    await workspace.update({ control: control.path });
    await recordDeadline();
    await check();
    return { ...control, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
