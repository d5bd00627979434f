import { existsSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sendRelease, sendRequest } from "../../../src/builds/control-client.js";
import { openControl } from "../../../src/builds/control.js";
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

/** Sends bytes and returns everything that is answered. */
async function exchange(text: string, halfClose = true): Promise<string> {
  const socket = connect(path).setEncoding("utf8");
  if (halfClose) socket.end(text);
  else socket.write(text);
  let answer = "";
  for await (const chunk of socket) {
    answer += String(chunk);
    if (!halfClose && answer.endsWith("\n")) break;
  }
  return answer;
}

describe("requests", () => {
  it("are answered by their handlers, until these are removed", async () => {
    await using control = await openControl(path);
    const remove = control.on("screen", () => Promise.resolve({ path: "/x.png" }));
    expect(await sendRequest(path, "screen")).toEqual({ path: "/x.png" });
    const removeOther = control.on("screen", () => Promise.resolve({ path: "/y.png" }));
    remove();
    expect(await sendRequest(path, "screen")).toEqual({ path: "/y.png" });
    removeOther();
    expect(await errorOf(sendRequest(path, "screen"))).toMatchObject({
      code: "BUILD_UNKNOWN",
      message: 'The run cannot answer "screen" at the moment',
    });
  });

  it("fail with the error of their handler", async () => {
    await using control = await openControl(path);
    const details = { hint: "Do this.", lines: ["a", "b"] };
    control.on("vnc", () => Promise.reject(new VmbuildError("USAGE", "No screen", details)));
    control.on("screen", () => Promise.reject(new Error("unexpected")));
    expect(await errorOf(sendRequest(path, "vnc"))).toMatchObject({
      ...details,
      code: "USAGE",
      message: "No screen",
    });
    expect(await errorOf(sendRequest(path, "screen"))).toMatchObject({
      code: "DEFECT",
      message: "unexpected",
    });
  });

  it("are lines of JSON, of which a client may send several", async () => {
    await using control = await openControl(path);
    let count = 0;
    control.on("count", () => Promise.resolve({ count: ++count }));
    const released = control.released();
    const requests = '{"do":"count"}\n{"do":"count"}\n{"do":"release"}';
    expect(await exchange(requests)).toBe(
      '{"result":{"count":1}}\n{"result":{"count":2}}\n{"result":{}}\n',
    );
    await released;
    expect(await exchange('{"do":"count"}\n', false)).toBe('{"result":{"count":3}}\n');
  });

  it.each(["hello\n", '{"do":1}\n', "[]\n", "{\n"])("refuse %j", async (text) => {
    await using _control = await openControl(path);
    expect(JSON.parse(await exchange(text))).toMatchObject({ error: { code: "USAGE", exit: 2 } });
  });

  it("are given up when they have no end", async () => {
    await using _control = await openControl(path);
    const socket = connect(path);
    socket.on("error", () => {});
    const closed = new Promise<boolean>((resolve) => socket.once("close", resolve));
    socket.write("x".repeat(200_000));
    await expect(closed).resolves.toBeDefined();
  });

  it("still include the word of earlier versions", async () => {
    await using control = await openControl(path);
    const released = control.released();
    await exchange("release");
    await expect(released).resolves.toBeUndefined();
  });

  it("end with the run, and when they are cancelled", async () => {
    const control = await openControl(path);
    let asked = (): void => {};
    const wasAsked = new Promise<void>((resolve) => (asked = resolve));
    control.on("slow", () => {
      asked();
      return new Promise(() => {});
    });
    const cancel = new AbortController();
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const cancelled = sendRequest(path, "slow", cancel.signal);
    await wasAsked;
    cancel.abort(reason);
    await expect(cancelled).rejects.toBe(reason);
    const waiting = errorOf(sendRequest(path, "slow"));
    await exchange('{"do":"release"}');
    await control[Symbol.asyncDispose]();
    expect(await waiting).toMatchObject({ code: "BUILD_UNKNOWN" });
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
