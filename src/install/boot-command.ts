/** Types an installer's boot command, and waits for text or for the screen where it says so. */
import { setTimeout as delay } from "node:timers/promises";
import type { Emit } from "../events/types.js";
import { waitForConsoleText } from "../machine/console-text.js";
import { parseKeys } from "../machine/keys/notation.js";
import { Keyboard } from "../machine/keys/type.js";
import type { RunningMachine } from "../machine/running-machine.js";
import { waitForStableScreen } from "../machine/stable-screen.js";
import { fillValues } from "./references.js";
import type { InstallValues } from "./references.js";
import type { BootCommandStep, InstallDefinition } from "./schema.js";

/** Inputs of {@link typeBootCommand}. Paths are absolute. */
export interface BootCommandOptions {
  readonly machine: RunningMachine;
  readonly definition: Pick<InstallDefinition, "bootCommand" | "bootWait" | "keyInterval">;
  readonly values: InstallValues;
  readonly console: string;
  /** Private folder for temporary files. */
  readonly folder: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Placeholders of the length that a run's values have, to check a command before it. */
const SAMPLE: InstallValues = {
  "http.url": "http://10.0.2.2:1/0",
  "http.address": "10.0.2.2:1/0",
  "ssh.publicKey": "ssh-ed25519 A",
};

/** Returns what of a text cannot be typed, as a message with its column; undefined if nothing. */
export function typingProblem(text: string): string | undefined {
  const [problem] = parseKeys([fillValues(text, SAMPLE)]).problems;
  return problem && `column ${problem.column}: ${problem.message}`;
}

/** Returns the pattern of a `waitForText`: a regular expression between slashes, or a text. */
export function textPattern(text: string): string | RegExp {
  const expression = /^\/(.+)\/$/s.exec(text)?.[1];
  return expression === undefined ? text : new RegExp(expression, "m");
}

/** Carries out the steps of one boot command. */
class BootCommand {
  readonly #options: BootCommandOptions;
  readonly #keyboard: Keyboard;
  /** Position in the console's file behind the last text that was waited for. Bytes. */
  #consoleAt = 0;

  constructor(options: BootCommandOptions) {
    const { machine, definition, signal } = options;
    this.#options = options;
    this.#keyboard = new Keyboard(machine, { intervalMs: definition.keyInterval, signal });
  }

  async step(step: BootCommandStep): Promise<void> {
    const { machine, console, folder, values, signal } = this.#options;
    if (typeof step === "string") {
      return this.#keyboard.type(parseKeys([fillValues(step, values)]).events);
    }
    const { timeout: timeoutMs } = step;
    if ("waitForScreen" in step) {
      await waitForStableScreen({ machine, folder, console, timeoutMs, signal });
      return;
    }
    const pattern = textPattern(step.waitForText);
    const from = this.#consoleAt;
    this.#consoleAt = await waitForConsoleText({ path: console, pattern, from, timeoutMs, signal });
  }

  async release(): Promise<void> {
    const held = await this.#keyboard.release();
    if (held.length === 0) return;
    const keys = held.map((name) => `<${name}On>`).join(", ");
    this.#options.emit({
      type: "warning",
      message: `The boot command never releases ${keys}; vmbuild has released them at its end`,
    });
  }
}

/**
 * Types a boot command after its delay. Keys that are still down at its end are released, with a
 * warning.
 * @throws {VmbuildError} BASE_INSTALL when a text or a stable screen did not appear in time;
 *   MACHINE_QMP; the signal's reason.
 */
export async function typeBootCommand(options: BootCommandOptions): Promise<void> {
  const { definition, emit, signal } = options;
  const { bootCommand, bootWait } = definition;
  if (bootCommand.length === 0) return;
  // Where the first step is a wait for the guest, a fixed delay before it has no purpose.
  if (typeof bootCommand[0] === "string") await delay(bootWait, undefined, { signal });
  emit({ type: "note", message: "Typing the boot command" });
  const command = new BootCommand(options);
  for (const step of bootCommand) await command.step(step);
  await command.release();
}
