/** Finds the root cause of a failure: if QEMU died, reports that instead of the lost connection. */
import { setTimeout as delay } from "node:timers/promises";
import { asVmbuildError } from "../errors.js";
import type { RunningMachine } from "../machine/running-machine.js";

/** Time within which QEMU's exit is noticed after a connection to it is lost. Milliseconds. */
const DEATH_GRACE_MS = 1000;

/** Returns the machine's death where an error is its consequence; otherwise the error itself. */
export async function findRootCause(thrown: unknown, machine: RunningMachine): Promise<unknown> {
  const { code } = asVmbuildError(thrown);
  if (code !== "GUEST_LOST" && code !== "MACHINE_QMP") return thrown;
  await Promise.race([machine.ended, delay(DEATH_GRACE_MS, undefined, { ref: false })]);
  return machine.death.aborted ? machine.death.reason : thrown;
}
