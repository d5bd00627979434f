/** Runs a step's checks (`verify`): all of them run, and any failure fails the step. */
import { VmbuildError } from "../errors.js";
import { Tail } from "../host/lines.js";
import type { Step } from "./schema.js";
import type { StepContext } from "./step-context.js";

/** Time limit of a check, which should do no work. Milliseconds. */
const DEADLINE_MS = 120_000;
const SHOWN_LINES = 10;

interface Failed {
  readonly command: string;
  readonly how: string;
  readonly lines: readonly string[];
}

async function verifyOne(step: Step, command: string, context: StepContext) {
  const { guest, emit, log } = context;
  const tail = new Tail(SHOWN_LINES);
  const started = performance.now();
  log.write(`# verify: ${command}`);
  const end = await guest.run({
    content: `${command}\n`,
    interpreter: ["/bin/sh"],
    environment: step.environment,
    timeoutMs: Math.min(step.timeout, DEADLINE_MS),
    onLine(line, stream) {
      tail.push(line);
      log.write(line);
      emit({ type: "output", source: "verify", stream, line, step: step.name });
    },
    onState: (line, stream) =>
      emit({ type: "output.state", source: "verify", stream, line, step: step.name }),
  });
  const ok = end.exitCode === 0;
  const durationMs = performance.now() - started;
  emit({ type: "verify.finished", step: step.name, command, ok, durationMs });
  if (ok) return undefined;
  const how = end.timedOut
    ? "timed out"
    : end.signal
      ? `terminated by SIG${end.signal}`
      : `exit code ${end.exitCode}`;
  return { command, how, lines: tail.lines };
}

/**
 * Runs a step's checks.
 * @throws {VmbuildError} VERIFY_FAILED with each command that failed, and its output.
 */
export async function verifyStep(step: Step, context: StepContext): Promise<void> {
  const failed: Failed[] = [];
  for (const command of step.verify) {
    context.signal.throwIfAborted();
    const failure = await verifyOne(step, command, context);
    if (failure) failed.push(failure);
  }
  if (failed.length === 0) return;
  const count = `${failed.length} of ${step.verify.length} checks`;
  throw new VmbuildError("VERIFY_FAILED", `Step "${step.name}": ${count} failed`, {
    lines: failed.flatMap(({ command, how, lines }) => [
      `${command}  (${how})`,
      ...lines.map((line) => `  ${line}`),
    ]),
    details: {
      step: step.name,
      commands: failed.map(({ command }) => command),
      log: context.log.path,
    },
  });
}
