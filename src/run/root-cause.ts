/** What ended something that works with a machine, where one failure follows from another. */
import { setTimeout as delay } from "node:timers/promises";
import { asVmbuildError } from "../errors.js";
import type { RunningMachine } from "../machine/running-machine.js";

/** Whoever talks to a machine that dies may notice before its end does. Milliseconds. */
const DEATH_GRACE_MS = 1000;

/** What ended the part of a run that has a machine: its death, where the rest follows from that. */
export async function findRootCause(thrown: unknown, machine: RunningMachine): Promise<unknown> {
  const { code } = asVmbuildError(thrown);
  if (code !== "GUEST_LOST" && code !== "MACHINE_QMP") return thrown;
  await Promise.race([machine.ended, delay(DEATH_GRACE_MS, undefined, { ref: false })]);
  return machine.death.aborted ? machine.death.reason : thrown;
}
