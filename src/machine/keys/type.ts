/** Types keys into a machine through QMP. */
import { abortableDelay } from "../../host/delay.js";
import type { RunningMachine } from "../running-machine.js";
import type { KeyEvent } from "./notation.js";

/** Options of typing. */
export interface TypeOptions {
  /**
   * Pause after each press and each release of a key, in milliseconds. Firmware and guests buffer
   * few keys, and lose those that come faster than they read. 100 unless given, as in Packer.
   */
  readonly intervalMs?: number;
  /** Ends the typing; its reason is thrown. */
  readonly signal: AbortSignal;
}

/** Default of Packer for `boot_key_interval`. Milliseconds. */
const DEFAULT_INTERVAL_MS = 100;

/** Key of a US keyboard for capitals and symbols. */
const SHIFT = "shift";

/** Part of a running machine that typing needs. */
export type TypingTarget = Pick<RunningMachine, "qmp" | "death">;

type Stroke = Extract<KeyEvent, { kind: "key" }>;

/** Keyboard of a machine. Keys that are held down stay so between calls of {@link type}. */
export class Keyboard {
  readonly #machine: TypingTarget;
  readonly #intervalMs: number;
  readonly #signal: AbortSignal;
  /** Names in the notation of the keys that are down, by QEMU's names. */
  readonly #held = new Map<string, string>();

  constructor(machine: TypingTarget, { intervalMs = DEFAULT_INTERVAL_MS, signal }: TypeOptions) {
    this.#machine = machine;
    this.#intervalMs = intervalMs;
    this.#signal = AbortSignal.any([signal, machine.death]);
  }

  /**
   * Types the events in their order.
   * @throws {VmbuildError} MACHINE_QMP when QEMU refuses a key, as it does while the machine is
   *   paused; MACHINE_DIED; the reason of the signal.
   */
  async type(events: readonly KeyEvent[]): Promise<void> {
    for (const event of events) {
      if (event.kind === "wait") await abortableDelay(event.ms, this.#signal);
      else if (event.action === "press") await this.#press(event);
      else if (event.action === "down") await this.#hold(event);
      else await this.#letGo(event);
    }
  }

  /**
   * Releases the keys that are still down.
   * @returns their names in the notation, such as `leftCtrl`.
   */
  async release(): Promise<readonly string[]> {
    const held = [...this.#held];
    for (const [qcode] of held) await this.#send(qcode, false);
    this.#held.clear();
    return [...new Set(held.map(([, name]) => name))];
  }

  async #press({ qcode, shift }: Stroke): Promise<void> {
    const needsShift = shift && !this.#held.has(SHIFT);
    if (needsShift) await this.#send(SHIFT, true);
    await this.#send(qcode, true);
    await this.#send(qcode, false);
    this.#held.delete(qcode);
    if (needsShift) await this.#send(SHIFT, false);
  }

  async #hold({ qcode, shift, name }: Stroke): Promise<void> {
    for (const key of shift ? [SHIFT, qcode] : [qcode]) {
      await this.#send(key, true);
      this.#held.set(key, name);
    }
  }

  async #letGo({ qcode, shift }: Stroke): Promise<void> {
    for (const key of shift ? [qcode, SHIFT] : [qcode]) {
      await this.#send(key, false);
      this.#held.delete(key);
    }
  }

  /** Sends one press or release (`input-send-event`, since QEMU 2.6), and pauses. */
  async #send(qcode: string, down: boolean): Promise<void> {
    this.#signal.throwIfAborted();
    const key = { type: "qcode", data: qcode };
    const events = [{ type: "key", data: { down, key } }];
    await this.#machine.qmp.execute("input-send-event", { events });
    await abortableDelay(this.#intervalMs, this.#signal);
  }
}

/**
 * Types the events and releases the keys that are still down then.
 * @returns the names of these keys, for a warning.
 * @throws {VmbuildError} as {@link Keyboard.type}.
 */
export async function typeKeys(
  machine: TypingTarget,
  events: readonly KeyEvent[],
  options: TypeOptions,
): Promise<readonly string[]> {
  const keyboard = new Keyboard(machine, options);
  await keyboard.type(events);
  return keyboard.release();
}
