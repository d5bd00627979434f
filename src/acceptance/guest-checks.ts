/** Runs checks that need the guest: commands, and checks of its system. */
import { open } from "node:fs/promises";
import { stripVTControlCharacters } from "node:util";
import { messageOf, systemCode } from "../errors.js";
import type { Guest } from "../guest/guest.js";
import { formatDuration } from "../host/format.js";
import { Tail } from "../host/lines.js";
import type { CommandCheck, SystemCheck } from "./check-schema.js";
import { findKernelErrors } from "./kernel-log.js";
import { failed, passed, permanentFailure } from "./outcome.js";
import type { Outcome } from "./outcome.js";

/** Guest for checks. */
export interface GuestTarget {
  /** Waits for a connection. Throws the reason each time when there is none. */
  readonly guest: () => Promise<Guest>;
  /** Console file of the current start. */
  readonly console: string;
}

/** Result of a command, and its output. */
interface CommandResult {
  readonly exitCode: number | null;
  /** Description of an abnormal end; undefined when the command exited by itself. */
  readonly abnormalEnd: string | undefined;
  readonly stdout: readonly string[];
  /** Last lines of both streams. */
  readonly lastLines: readonly string[];
}

/** Limit of lines in memory, for a command that prints endlessly. */
const MAX_LINES = 10_000;

async function runInGuest(
  { guest }: GuestTarget,
  script: string,
  timeoutMs: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const lastLines = new Tail(10);
  const stdout = new Tail(MAX_LINES);
  const end = await (
    await guest()
  ).run({
    content: `${script}\n`,
    interpreter: ["/bin/sh"],
    environment,
    timeoutMs,
    onLine(line, stream) {
      lastLines.push(line);
      if (stream === "stdout") stdout.push(line);
    },
  });
  const abnormalEnd = end.timedOut
    ? `exceeded its timeout of ${formatDuration(timeoutMs)}`
    : end.signal
      ? `was terminated by SIG${end.signal}`
      : undefined;
  return {
    exitCode: end.exitCode,
    abnormalEnd,
    stdout: stdout.lines,
    lastLines: lastLines.lines,
  };
}

/** Converts an error to a failure: a guest that does not answer has failed the check. */
async function asOutcome(signal: AbortSignal, work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    return permanentFailure(`could not be run: ${messageOf(error)}`);
  }
}

/**
 * Runs a check's commands once.
 * @throws the signal's reason when it aborted.
 */
export function checkCommand(
  check: CommandCheck,
  target: GuestTarget,
  signal: AbortSignal,
): Promise<Outcome> {
  return asOutcome(signal, async () => {
    const script = check.run.join("\n");
    const answer = await runInGuest(target, script, check.timeout, check.environment);
    if (answer.abnormalEnd !== undefined)
      return failed(`it ${answer.abnormalEnd}`, answer.lastLines);
    if (answer.exitCode !== check.exitCode) {
      return failed(`exit code ${answer.exitCode}, expected ${check.exitCode}`, answer.lastLines);
    }
    const { output } = check;
    if (output !== undefined && !new RegExp(output, "u").test(answer.stdout.join("\n"))) {
      return failed(`its output does not match ${output}`, answer.lastLines);
    }
    return passed();
  });
}

/** Waits until systemd has started everything; the result does not matter here. */
const WAIT = "systemctl is-system-running --wait >/dev/null 2>&1";

function noAnswer(what: string, answer: CommandResult): Outcome {
  const how = answer.abnormalEnd ?? `exit code ${answer.exitCode}`;
  return permanentFailure(`${what} (${how})`, answer.lastLines);
}

const inShellPattern = (text: string): RegExp =>
  new RegExp(`^${text.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", ".*")}$`);

async function checkUnits(check: SystemCheck, target: GuestTarget): Promise<Outcome> {
  const list = "systemctl list-units --failed --plain --no-legend --full";
  const answer = await runInGuest(target, `${WAIT}\n${list}`, check.timeout);
  if (answer.exitCode !== 0) return noAnswer("systemctl did not list the failed units", answer);
  const allowed = check.allow.map(inShellPattern);
  const units = answer.stdout
    .map((line) => line.trim().split(/\s+/)[0] ?? "")
    .filter((unit) => unit !== "" && !allowed.some((pattern) => pattern.test(unit)));
  if (units.length === 0) return passed();
  const asked = units.map((unit) => `journalctl -b -u '${unit.replaceAll("'", "")}' -n 5 -o cat`);
  const journal = await runInGuest(target, asked.join("\n"), check.timeout);
  return failed(`failed: ${units.join(", ")}`, journal.lastLines);
}

async function checkBootTime(check: SystemCheck, target: GuestTarget): Promise<Outcome> {
  const show = "systemctl show --property=FinishTimestampMonotonic --value";
  const answer = await runInGuest(target, `${WAIT}\n${show}`, check.timeout);
  // Microseconds since the kernel's start; 0 while the system is still starting.
  const finished = Number(answer.stdout.at(-1) ?? Number.NaN);
  if (answer.exitCode !== 0 || !(finished > 0)) {
    return noAnswer("systemd has not finished starting", answer);
  }
  const { atMost = 0 } = check;
  const took = formatDuration(finished / 1000);
  if (finished / 1000 <= atMost) return passed(took);
  return failed(`it took ${took}; the maximum is ${formatDuration(atMost)}`);
}

/** Limit for the console: its beginning shows the cause of a problem, and its end shows a panic. */
const MAX_CONSOLE_BYTES = 64 * 2 ** 20;

async function readConsole(path: string): Promise<string[]> {
  try {
    await using handle = await open(path, "r");
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(size, MAX_CONSOLE_BYTES));
    await handle.read(buffer, 0, buffer.length, size - buffer.length);
    return stripVTControlCharacters(buffer.toString("utf8"))
      .split(/[\r\n]+/)
      .filter((line) => line.trim() !== "");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

async function checkKernel(check: SystemCheck, target: GuestTarget): Promise<Outcome> {
  const console = await readConsole(target.console);
  if (console.length === 0) {
    return permanentFailure("the console log is empty");
  }
  const onConsole = findKernelErrors(console, check.allow);
  if (onConsole.length > 0) return failed("kernel errors on the console", onConsole.slice(0, 5));
  // With `quiet`, the kernel does not print most messages to the console.
  const answer = await runInGuest(target, "dmesg", check.timeout);
  if (answer.exitCode !== 0) return noAnswer("the kernel log cannot be read", answer);
  const inLog = findKernelErrors(answer.stdout, check.allow);
  return inLog.length > 0 ? failed("kernel errors in the kernel log", inLog.slice(0, 5)) : passed();
}

/**
 * Checks the system once.
 * @throws the signal's reason when it aborted.
 */
export function checkSystem(
  check: SystemCheck,
  target: GuestTarget,
  signal: AbortSignal,
): Promise<Outcome> {
  const looks = {
    "no-failed-units": checkUnits,
    "no-kernel-errors": checkKernel,
    "boot-time": checkBootTime,
  } as const;
  return asOutcome(signal, () => looks[check.system](check, target));
}
