import { PassThrough, Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import type { Connection } from "../../../src/guest/connection.js";
import { attachTerminal } from "../../../src/guest/terminal.js";
import type { LocalTerminal } from "../../../src/guest/terminal.js";
import { errorOf } from "../../support/inputs.js";
import { kill, startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

const { signal } = new AbortController();
let sshd: Sshd;
let connection: Connection;
beforeAll(async () => {
  sshd = await startSshd();
  connection = await sshd.connect();
});
afterAll(async () => {
  await sshd[Symbol.asyncDispose]();
});

class RecordingStream extends Writable {
  text = "";
  isTTY = false;
  columns = 80;
  rows = 24;
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString("utf8");
    this.emit("text");
    done();
  }
  /** Resolves when a match was written. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) await new Promise((resolve) => this.once("text", resolve));
  }
}

/** Creates streams that represent a terminal, or pipes. */
function makeTerminal(isTTY: boolean) {
  const modes: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), {
    isTTY,
    setRawMode: (on: boolean) => modes.push(on),
  });
  const stdout = Object.assign(new RecordingStream(), { isTTY });
  const stderr = Object.assign(new RecordingStream(), { isTTY });
  const terminal = { stdin, stdout, stderr } as unknown as LocalTerminal;
  return { terminal, stdin, stdout, stderr, modes };
}

describe("one command", () => {
  it("returns its output by stream and its exit code", async () => {
    const { terminal, stdout, stderr } = makeTerminal(false);
    expect(
      await attachTerminal(connection, "echo out; echo err >&2; exit 42", terminal, signal),
    ).toBe(42);
    expect(stdout.text).toBe("out\n");
    expect(stderr.text).toBe("err\n");
  });

  it("reads piped input", async () => {
    const { terminal, stdin, stdout } = makeTerminal(false);
    stdin.end("piped\n");
    expect(await attachTerminal(connection, "tr a-z A-Z", terminal, signal)).toBe(0);
    expect(stdout.text).toBe("PIPED\n");
  });

  it.each([
    ["TERM", 143],
    ["KILL", 137],
    ["SEGV", 139],
  ])("ends with 128 and more for SIG%s", async (name, code) => {
    const { terminal } = makeTerminal(false);
    expect(await attachTerminal(connection, `kill -${name} $$`, terminal, signal)).toBe(code);
  });

  it("is not waited for when it is cancelled", async () => {
    await using other = await startSshd();
    const { terminal, stdout } = makeTerminal(false);
    const cancel = new AbortController();
    const reason = new VmbuildError("TERMINATED", "Asked to end");
    const command = "echo ready; sleep 30";
    const running = attachTerminal(await other.connect(), command, terminal, cancel.signal);
    await stdout.until(/ready/);
    cancel.abort(reason);
    expect(await errorOf(running)).toBe(reason);
  });

  it("fails when the connection is lost", async () => {
    await using other = await startSshd();
    const lost = await other.connect();
    const { terminal, stdout } = makeTerminal(false);
    const running = attachTerminal(lost, "echo ready; sleep 30", terminal, signal);
    await stdout.until(/ready/);
    for (const pid of await other.sessions()) kill(pid);
    expect(await errorOf(running)).toMatchObject({ code: "GUEST_LOST" });
  });
});

describe("a shell", () => {
  it("has a terminal of the user's size, which is updated", async () => {
    const { terminal, stdin, stdout, modes } = makeTerminal(true);
    const running = attachTerminal(connection, undefined, terminal, signal);
    stdin.write("stty size; tty\n");
    await stdout.until(/24 80[\s\S]*\/dev\/pts\//);
    stdout.columns = 132;
    stdout.rows = 43;
    stdout.emit("resize");
    stdin.write("until [ \"$(stty size)\" = '43 132' ]; do :; done; echo resi''zed\n");
    await stdout.until(/resized/);
    stdin.write("exit 7\n");
    expect(await running).toBe(7);
    // The terminal's mode is restored.
    expect(modes).toEqual([true, false]);
  });
});
