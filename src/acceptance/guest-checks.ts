/** Checks that need the guest: commands, and looks at its system. */
import { open } from "node:fs/promises";
import { stripVTControlCharacters } from "node:util";
import { messageOf, systemCode } from "../errors.js";
import type { Guest } from "../guest/guest.js";
import { formatDuration } from "../host/format.js";
import { Tail } from "../host/lines.js";
import type { CommandCheck, SystemCheck } from "./check-schema.js";
import { findTrouble } from "./kernel-log.js";
import { failed, held, impossible } from "./outcome.js";
import type { Outcome } from "./outcome.js";

/** The guest as checks see it. */
export interface GuestTarget {
  /** Waits for a way in; throws why there is none, each time. */
  readonly guest: () => Promise<Guest>;
  /** The file that the console of this start goes to. */
  readonly console: string;
}

/** How a command ended, and what it printed. */
interface Answer {
  readonly exitCode: number | null;
  /** In words; undefined when it exited by itself. */
  readonly unusual: string | undefined;
  readonly stdout: readonly string[];
  /** The last lines of both streams. */
  readonly last: readonly string[];
}

/** A command that prints without end fills no memory. */
const MOST_LINES = 10_000;

async function ask(
  { guest }: GuestTarget,
  script: string,
  timeoutMs: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const last = new Tail(10);
  const stdout = new Tail(MOST_LINES);
  const end = await (
    await guest()
  ).run({
    content: `${script}\n`,
    interpreter: ["/bin/sh"],
    environment,
    timeoutMs,
    onLine(line, stream) {
      last.push(line);
      if (stream === "stdout") stdout.push(line);
    },
  });
  const unusual = end.timedOut
    ? `exceeded its timeout of ${formatDuration(timeoutMs)}`
    : end.signal
      ? `was terminated by SIG${end.signal}`
      : undefined;
  return { exitCode: end.exitCode, unusual, stdout: stdout.lines, last: last.lines };
}

/** A guest that cannot be asked is a failure like any other. */
async function answered(signal: AbortSignal, work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    return impossible(`could not be run: ${messageOf(error)}`);
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
  return answered(signal, async () => {
    const script = check.run.join("\n");
    const answer = await ask(target, script, check.timeout, check.environment);
    if (answer.unusual !== undefined) return failed(`it ${answer.unusual}`, answer.last);
    if (answer.exitCode !== check.exitCode) {
      return failed(`exit code ${answer.exitCode}, expected ${check.exitCode}`, answer.last);
    }
    const { output } = check;
    if (output !== undefined && !new RegExp(output, "u").test(answer.stdout.join("\n"))) {
      return failed(`its output does not match ${output}`, answer.last);
    }
    return held();
  });
}

/** Waits until systemd has nothing left to start; how that ended does not matter here. */
const WAIT = "systemctl is-system-running --wait >/dev/null 2>&1";

function noAnswer(what: string, answer: Answer): Outcome {
  const how = answer.unusual ?? `exit code ${answer.exitCode}`;
  return impossible(`${what} (${how})`, answer.last);
}

const inShellPattern = (text: string): RegExp =>
  new RegExp(`^${text.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", ".*")}$`);

async function checkUnits(check: SystemCheck, target: GuestTarget): Promise<Outcome> {
  const list = "systemctl list-units --failed --plain --no-legend --full";
  const answer = await ask(target, `${WAIT}\n${list}`, check.timeout);
  if (answer.exitCode !== 0) return noAnswer("systemctl did not list the failed units", answer);
  const allowed = check.allow.map(inShellPattern);
  const units = answer.stdout
    .map((line) => line.trim().split(/\s+/)[0] ?? "")
    .filter((unit) => unit !== "" && !allowed.some((pattern) => pattern.test(unit)));
  if (units.length === 0) return held();
  const asked = units.map((unit) => `journalctl -b -u '${unit.replaceAll("'", "")}' -n 5 -o cat`);
  const journal = await ask(target, asked.join("\n"), check.timeout);
  return failed(`failed: ${units.join(", ")}`, journal.last);
}

async function checkBootTime(check: SystemCheck, target: GuestTarget): Promise<Outcome> {
  const show = "systemctl show --property=FinishTimestampMonotonic --value";
  const answer = await ask(target, `${WAIT}\n${show}`, check.timeout);
  // Microseconds since the kernel's start; 0 while something is still being started.
  const finished = Number(answer.stdout.at(-1) ?? Number.NaN);
  if (answer.exitCode !== 0 || !(finished > 0)) {
    return noAnswer("systemd has not finished starting", answer);
  }
  const { atMost = 0 } = check;
  const took = formatDuration(finished / 1000);
  if (finished / 1000 <= atMost) return held(took);
  return failed(`it took ${took}; the maximum is ${formatDuration(atMost)}`);
}

/** The console may be long: its end tells of a panic, its beginning of how it came to that. */
const MOST_CONSOLE_BYTES = 64 * 2 ** 20;

async function readConsole(path: string): Promise<string[]> {
  try {
    await using handle = await open(path, "r");
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(size, MOST_CONSOLE_BYTES));
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
    return impossible("the console log is empty");
  }
  const onConsole = findTrouble(console, check.allow);
  if (onConsole.length > 0) return failed("kernel errors on the console", onConsole.slice(0, 5));
  // A kernel with `quiet` keeps most of it from the console.
  const answer = await ask(target, "dmesg", check.timeout);
  if (answer.exitCode !== 0) return noAnswer("the kernel log cannot be read", answer);
  const inLog = findTrouble(answer.stdout, check.allow);
  return inLog.length > 0 ? failed("kernel errors in the kernel log", inLog.slice(0, 5)) : held();
}

/**
 * Looks at the system once.
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
  return answered(signal, () => looks[check.system](check, target));
}
