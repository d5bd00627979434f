import { existsSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openControl, sendRelease } from "../../../src/builds/control.js";
import { pause } from "../../../src/run/pause.js";
import { VmbuildError } from "../../../src/errors.js";
import type { EventBody } from "../../../src/events/types.js";
import { errorOf } from "../../support/inputs.js";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-control-"));
  path = join(folder, "run.ctl");
});
afterEach(() => rm(folder, { recursive: true }));

describe("a control socket", () => {
  it("is private, and is removed with the run", async () => {
    {
      await using control = await openControl(path);
      expect(control.path).toBe(path);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
    expect(existsSync(path)).toBe(false);
    expect(await errorOf(sendRelease(path))).toMatchObject({ code: "BUILD_UNKNOWN" });
  });

  it("releases all that wait", async () => {
    await using control = await openControl(path);
    const waits = [control.released(), control.released()];
    await sendRelease(path);
    expect(await Promise.all(waits)).toHaveLength(2);
  });

  it("ignores other messages", async () => {
    await using control = await openControl(path);
    let released = false;
    void control.released().then(() => (released = true));
    const socket = connect(path);
    socket.end("hello\n");
    await once(socket.resume(), "close");
    expect(released).toBe(false);
  });

  it("closes with a silent client, and refuses a path that is too long", async () => {
    const control = await openControl(path);
    const silent = connect(path);
    await once(silent, "connect");
    const gone = once(silent.resume(), "close");
    await control[Symbol.asyncDispose]();
    await gone;
    const long = join(folder, "l".repeat(120));
    expect(await errorOf(openControl(long))).toMatchObject({ code: "HOST_FOLDER" });
  });

  it("replaces the socket of a killed run", async () => {
    const dead = await openControl(path);
    await using control = await openControl(path);
    const released = control.released();
    await sendRelease(path);
    await expect(released).resolves.toBeUndefined();
    await dead[Symbol.asyncDispose]();
  });
});

describe("pause", () => {
  async function openPause() {
    const control = await openControl(path);
    const emitted: (EventBody | boolean)[] = [];
    const options = {
      name: "demo",
      emit: (event: EventBody) => void emitted.push(event),
      control,
      onChange: async (paused: boolean) => void emitted.push(paused),
    };
    return { control, told: emitted, options, cancel: new AbortController() };
  }

  it("ends when it is released", async () => {
    const { control, told: emitted, options, cancel } = await openPause();
    const pausing = pause("before step x", options, cancel.signal);
    await sendRelease(path);
    await pausing;
    expect(emitted).toEqual([
      true,
      { type: "paused", reason: "before step x", release: "vmbuild ssh demo" },
      false,
      { type: "resumed" },
    ]);
    await control[Symbol.asyncDispose]();
  });

  it("ends at Enter, and stops reading the terminal otherwise", async () => {
    const { control, options, cancel, told: emitted } = await openPause();
    await pause("x", { ...options, waitForEnter: () => Promise.resolve() }, cancel.signal);
    expect(emitted[1]).toMatchObject({ release: expect.stringContaining("Press Enter") as string });
    let stopped = false;
    const waitForEnter = (signal: AbortSignal): Promise<void> =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          stopped = true;
          reject(new Error("over"));
        });
      });
    const pausing = pause("x", { ...options, waitForEnter }, cancel.signal);
    await sendRelease(path);
    await pausing;
    expect(stopped).toBe(true);
    await control[Symbol.asyncDispose]();
  });

  it("ends with the reason when the run is cancelled, also while it begins", async () => {
    const { control, options, cancel } = await openPause();
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const onChange = async (): Promise<void> => cancel.abort(reason);
    await expect(pause("x", { ...options, onChange }, cancel.signal)).rejects.toBe(reason);
    await expect(pause("x", options, cancel.signal)).rejects.toBe(reason);
    await control[Symbol.asyncDispose]();
  });
});
