/** The screen of real QEMUs: captures, waits, kept pictures, VNC. */
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { waitForConsoleText } from "../../../src/machine/console-text.js";
import { parseKeys } from "../../../src/machine/keys/notation.js";
import { typeKeys } from "../../../src/machine/keys/type.js";
import type { RunningMachine } from "../../../src/machine/running-machine.js";
import { keepScreens } from "../../../src/machine/screen-keeper.js";
import { captureScreen, isBlank, isPlaceholder } from "../../../src/machine/screen.js";
import { waitForStableScreen } from "../../../src/machine/stable-screen.js";
import { openVnc } from "../../../src/machine/vnc.js";
import { errorOf } from "../../support/inputs.js";
import { startSmallMachine } from "../../support/machine.js";

let folder: string;
let machine: RunningMachine | undefined;
const { signal } = new AbortController();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb,s-"));
});
afterEach(async () => {
  await machine?.kill();
  await rm(folder, { recursive: true });
});

async function start(hasScreen: boolean, paused = false): Promise<RunningMachine> {
  machine = await startSmallMachine(folder, { files: { hasScreen }, paused });
  return machine;
}

const screens = (): string => join(folder, "screens");
const PNG = "\x89PNG\r\n\x1a\n";
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

describe("a machine with a screen", () => {
  it("is captured before it has run, and leaves no file", async () => {
    const screen = await captureScreen(await start(true, true), screens());
    expect(screen).toMatchObject({ width: 640, height: 480 });
    expect(isPlaceholder(screen)).toBe(true);
    expect(screen.pixels).toHaveLength(640 * 480 * 3);
    expect(await readdir(screens())).toEqual([]);
    expect((await stat(screens())).mode & 0o777).toBe(0o700);
  });

  it("is waited for until it stops changing, and shows the firmware's text", async () => {
    const started = await start(true);
    const screen = await waitForStableScreen({
      machine: started,
      folder: screens(),
      timeoutMs: 60_000,
      signal,
      wait: pause,
    });
    expect(isBlank(screen)).toBe(false);
    expect(isPlaceholder(screen)).toBe(false);
    expect(screen.width).toBeGreaterThanOrEqual(640);
  });

  it("ends the wait when the time is over, with the reason and the console", async () => {
    const started = await start(true, true);
    const console = join(folder, "serial.log");
    await writeFile(console, "Loading the installer\r\n");
    const options = { machine: started, folder: screens(), timeoutMs: 0, signal, console };
    const error = await errorOf(waitForStableScreen(options));
    expect(error).toMatchObject({ code: "BASE_INSTALL", lines: ["Loading the installer"] });
    expect(error.message).toMatch(/^The screen did not stop changing within 0ms\. The screen was /);
  });

  it("ends the wait when it is cancelled", async () => {
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const cancel = new AbortController();
    const started = await start(true, true);
    const waiting = waitForStableScreen({
      machine: started,
      folder: screens(),
      timeoutMs: 60_000,
      signal: cancel.signal,
    });
    setImmediate(() => cancel.abort(reason));
    await expect(waiting).rejects.toBe(reason);
  });

  it("keeps the pictures that changed, and one more at the end", async () => {
    const started = await start(true, true);
    await using keeper = keepScreens({ machine: started, folder: screens(), intervalMs: 20 });
    const pictures = async (): Promise<string[]> =>
      (await readdir(screens()).catch(() => [])).filter(
        (name) => name.endsWith(".png") && !name.startsWith("."),
      );
    while ((await pictures()).length < 1) await pause();
    await started.qmp.execute("cont");
    await waitForStableScreen({
      ...{ machine: started, folder, timeoutMs: 60_000, signal, wait: pause },
    });
    const last = await keeper.last();
    expect(last).toMatch(/screens\/\d{3}\.png$/);
    expect((await readFile(last ?? "")).toString("latin1", 0, 8)).toBe(PNG);
    const names = (await pictures()).toSorted();
    expect(names.length).toBeGreaterThan(1);
    expect(names.length).toBeLessThanOrEqual(3);
    expect(last).toContain(names.at(-1));
    await started.kill();
    expect(await keeper.last()).toBe(last);
  });

  it("opens VNC on loopback, once", async () => {
    const started = await start(true, true);
    expect(await started.qmp.execute("query-vnc")).toEqual({ enabled: false });
    const address = await openVnc(started);
    expect(address).toMatch(/^127\.0\.0\.1:59\d\d$/);
    expect(await openVnc(started)).toBe(address);
    const socket = connect({ host: "127.0.0.1", port: Number(address.split(":")[1]) });
    const [banner] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    expect(banner.toString("latin1")).toBe("RFB 003.008\n");
  });
});

describe("a machine without a screen", () => {
  it("says so, and keeps no pictures", async () => {
    const started = await start(false, true);
    const error = await errorOf(captureScreen(started, screens()));
    expect(error).toMatchObject({ code: "USAGE", message: "The machine has no screen" });
    await using keeper = keepScreens({ machine: started, folder: screens() });
    expect(await keeper.last()).toBeUndefined();
    expect(await errorOf(openVnc(started))).toMatchObject({
      code: "MACHINE_QMP",
      hint: 'Add "-vnc", "none" to machine.arguments.',
    });
  });

  it("refuses keys while it is paused", async () => {
    const started = await start(false, true);
    const error = await errorOf(typeKeys(started, parseKeys(["a"]).events, { signal }));
    expect(error).toMatchObject({ code: "MACHINE_QMP" });
    expect(error.message).toContain("VM not running");
  });
});

describe("waitForConsoleText", () => {
  it("waits for the firmware's text, also before the file exists", async () => {
    const path = join(folder, "console.log");
    const options = { path, timeoutMs: 60_000, signal };
    const waiting = waitForConsoleText({ ...options, pattern: "SeaBIOS", from: 0 });
    await start(false);
    const position = await waiting;
    expect((await readFile(path)).subarray(0, position).toString("latin1")).toMatch(/SeaBIOS$/);
    const next = await waitForConsoleText({
      ...options,
      pattern: /no bootable dev\w+/i,
      from: position,
    });
    expect(next).toBeGreaterThan(position);
  });

  it("ends when the time is over, with what it waited for and the console's last lines", async () => {
    const path = join(folder, "serial.log");
    const options = { path, from: 0, timeoutMs: 0, signal };
    expect(await errorOf(waitForConsoleText({ ...options, pattern: "boot:" }))).toMatchObject({
      code: "BASE_INSTALL",
      message: 'The console did not show "boot:" within 0ms',
      lines: [],
    });
    await writeFile(path, "one\r\n\x1b[31mtwo\x1b[0m\r\n");
    expect(await errorOf(waitForConsoleText({ ...options, pattern: /b.t:/i }))).toMatchObject({
      message: "The console did not show /b.t:/i within 0ms",
      lines: ["one", "two"],
    });
    // Text before the given position does not count.
    const from = (await stat(path)).size;
    const again = waitForConsoleText({ ...options, pattern: "two", from });
    expect(await errorOf(again)).toMatchObject({ code: "BASE_INSTALL" });
    expect(await waitForConsoleText({ ...options, pattern: "two" })).toBe(13);
  });

  it("ends with the reason when it is cancelled", async () => {
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const cancel = new AbortController();
    const path = join(folder, "serial.log");
    const waiting = waitForConsoleText({
      ...{ path, pattern: "x", from: 0, timeoutMs: 60_000 },
      signal: cancel.signal,
    });
    setImmediate(() => cancel.abort(reason));
    await expect(waiting).rejects.toBe(reason);
  });
});
