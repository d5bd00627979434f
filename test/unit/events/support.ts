/** Provides tests of sinks with events, a recording stream and a small terminal. */
import { Writable } from "node:stream";
import type { EventBody, RunEvent } from "../../../src/events/types.js";

export const START = Date.UTC(2026, 0, 1, 12, 0, 0);

/** Returns an event `at` milliseconds after the start of the test's run. */
export function eventAt(at: number, body: EventBody, build = "demo"): RunEvent {
  return { v: 1, time: new Date(START + at).toISOString(), build, ...body };
}

export function output(line: string, more: { step?: string; source?: string } = {}): EventBody {
  return { type: "output", source: "guest", stream: "stdout", line, ...more };
}

export function runStarted(name = "demo"): EventBody {
  return { type: "run.started", name, version: "1.0.0", runId: "r1", runFolder: "/runs/r1" };
}

/** Stream that records what is written. */
export class RecordingStream extends Writable {
  text = "";
  writes = 0;
  isTTY = false;
  columns = 80;
  rows = 24;
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString("utf8");
    this.writes++;
    done();
  }
  get lines(): string[] {
    return this.text.split("\n").slice(0, -1);
  }
}

/**
 * Terminal that supports the sequences that vmbuild may use and throws at every other control
 * character, because a guest's output must not reach it.
 */
export class Terminal extends RecordingStream {
  cursorShown = true;
  #rows: string[] = [""];
  #row = 0;
  #column = 0;
  override isTTY = true;

  override _write(chunk: Buffer, encoding: string, done: () => void): void {
    // eslint-disable-next-line no-control-regex -- a terminal is about control characters
    const tokens = chunk.toString("utf8").match(/\u001b\[[?\d;]*[A-Za-z]|\u001b|[^\u001b]/gu) ?? [];
    for (const token of tokens) this.#take(token);
    super._write(chunk, encoding, done); // eslint-disable-line no-underscore-dangle -- Node's name
  }

  /** Visible text, without trailing blank lines. */
  get screen(): string {
    return this.#rows
      .map((row) => row.trimEnd())
      .join("\n")
      .trimEnd();
  }

  #take(token: string): void {
    const sequence = /^\u001b\[(.*)([A-Za-z])$/.exec(token); // eslint-disable-line no-control-regex
    if (sequence) this.#obey(sequence[1] ?? "", sequence[2] ?? "");
    else if (token === "\n") this.#moveTo(this.#row + 1, 0);
    else if (token === "\r") this.#column = 0;
    // eslint-disable-next-line no-control-regex -- see above
    else if (/[\u0000-\u001f\u007f-\u009f]/.test(token)) {
      throw new Error(`a control character reached the terminal: ${JSON.stringify(token)}`);
    } else this.#put(token);
  }

  #obey(parameters: string, command: string): void {
    const count = Number(parameters || "1");
    if (command === "m") return;
    if (command === "A") this.#row = Math.max(0, this.#row - count);
    else if (command === "G") this.#column = count - 1;
    else if (command === "K") this.#rows[this.#row] = "";
    else if (command === "J") {
      this.#rows.length = this.#row + 1;
      this.#rows[this.#row] = (this.#rows[this.#row] ?? "").slice(0, this.#column);
    } else if (parameters === "?25" && "hl".includes(command)) this.cursorShown = command === "h";
    else throw new Error(`an unknown sequence reached the terminal: ${parameters}${command}`);
  }

  #put(character: string): void {
    if (this.#column >= this.columns) this.#moveTo(this.#row + 1, 0);
    const row = this.#rows[this.#row] ?? "";
    this.#rows[this.#row] =
      row.slice(0, this.#column).padEnd(this.#column) + character + row.slice(this.#column + 1);
    this.#column++;
  }

  #moveTo(row: number, column: number): void {
    this.#row = row;
    this.#column = column;
    while (this.#rows.length <= row) this.#rows.push("");
  }
}
