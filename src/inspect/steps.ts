/** Describes the steps of a template, and the commands of the host that a run executes. */
import { describeAction } from "../steps/registry.js";
import { summarizeCommands } from "../steps/run.js";
import type { HostCommands } from "../template/host-commands.js";
import type { Template } from "../template/load.js";

/** Step as a run would perform it. Durations are milliseconds. */
export interface StepInspection {
  readonly name: string;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly actions: readonly {
    readonly type: string;
    readonly summary: string;
    readonly timeoutMs: number;
  }[];
  /** Command that skips the actions when it succeeds; undefined without one. */
  readonly skipIf?: string | undefined;
  readonly verify: readonly string[];
}

/** Commands of the host. */
export interface CommandsInspection {
  readonly summary: string;
  readonly timeoutMs: number;
}

/** Describes the steps of a template. */
export function inspectSteps({ steps }: Template): StepInspection[] {
  return steps.map(({ name, timeout, retries, environment, skipIf, actions, verify }) => ({
    name,
    timeoutMs: timeout,
    retries,
    environment,
    actions: actions.map((action) => ({
      type: action.type.name,
      summary: describeAction(action),
      timeoutMs: action.timeoutMs ?? timeout,
    })),
    ...(skipIf === undefined ? {} : { skipIf }),
    verify,
  }));
}

/** Describes commands of the host. */
export function inspectHostCommands(list: readonly HostCommands[]): CommandsInspection[] {
  return list.map(({ run, timeout }) => ({ summary: summarizeCommands(run), timeoutMs: timeout }));
}
