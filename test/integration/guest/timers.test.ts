/** The shell code that stops timers, in a root file system of busybox with a systemctl of the test. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseSystemState, systemStateScript } from "../../../src/guest/system-state.js";
import { STOP_ACTIVE_TIMERS, STOP_TIMERS } from "../../../src/guest/timers.js";
import { createBusyboxRoot, runInRoot } from "../../support/busybox-guest.js";
import type { BusyboxRoot } from "../../support/busybox-guest.js";

let root: BusyboxRoot;
beforeEach(async () => {
  root = await createBusyboxRoot();
  await mkdir(join(root.folder, "run/systemd/system"), { recursive: true });
  await root.put("calls", "");
});
afterEach(() => root[Symbol.asyncDispose]());

/** Lines of `systemctl list-units --all '*.timer' shutdown.target` on Debian 12. */
const TIMERS = [
  "apt-daily-upgrade.timer loaded active   waiting Daily apt upgrade and clean activities",
  "apt-daily.timer         loaded inactive dead    Daily apt download activities",
  "backup.timer            loaded active   waiting A timer of the user",
  "fstrim.timer            loaded active   elapsed Discard unused blocks once a week",
];

/** A systemctl that lists these units, and one service that has yet to end. */
async function withUnits(units: readonly string[], working = ""): Promise<void> {
  const script = [
    "#!/bin/sh",
    'echo "$*" >>/calls',
    'case "$*" in',
    "  *--state=activating*)",
    // The service has ended when it is asked for again.
    `    [ -e /asked ] || echo '${working}'; : >/asked ;;`,
    "  list-units*) cat /units ;;",
    "  is-system-running) cat /state ;;",
    "  list-jobs*) echo '1 poweroff.target start waiting' ;;",
    "esac",
    "",
  ];
  await root.put("bin/systemctl", script.join("\n"), 0o755);
  await root.put("units", units.map((line) => `${line}\n`).join(""));
  await root.put("state", "running\n");
}

const calls = async (): Promise<string[]> =>
  (await readFile(join(root.folder, "calls"), "utf8")).trimEnd().split("\n");

const stateAfter = async (script: string) =>
  parseSystemState(await runInRoot(root.folder, systemStateScript("root", script)));

describe("the timers of package managers and of the system", () => {
  it("are stopped, and those of the user are not", async () => {
    await withUnits(TIMERS);
    await runInRoot(root.folder, STOP_TIMERS);
    expect(await calls()).toContain("stop apt-daily-upgrade.timer apt-daily.timer fstrim.timer");
  });

  it("are stopped while they are active, where they were stopped before", async () => {
    await withUnits(TIMERS);
    await runInRoot(root.folder, STOP_ACTIVE_TIMERS);
    expect(await calls()).toContain("stop apt-daily-upgrade.timer fstrim.timer");
  });

  it("are waited for while a job of theirs runs", async () => {
    await withUnits(TIMERS, "apt-daily.service loaded activating start start Daily apt");
    await runInRoot(root.folder, STOP_TIMERS);
    expect((await calls()).filter((line) => line.includes("activating"))).toHaveLength(2);
  });
});

describe("a guest that shuts down", () => {
  const JOBS = [
    "apt-daily.timer loaded active waiting stop  Daily apt download activities",
    "shutdown.target loaded inactive dead  start System Shutdown",
  ];

  it("is recognized by the answer about its timers", async () => {
    await withUnits(JOBS);
    expect(await stateAfter(STOP_ACTIVE_TIMERS)).toEqual({
      pendingShutdown: { kind: "poweroff", at: undefined },
    });
    expect(await calls()).not.toContain("is-system-running");
  });

  it("is not seen in one that runs, which is asked once", async () => {
    await withUnits(["shutdown.target loaded inactive dead System Shutdown"]);
    expect(await stateAfter(STOP_ACTIVE_TIMERS)).toEqual({});
    expect(await calls()).toHaveLength(1);
  });

  it("is asked again after it was waited for", async () => {
    await withUnits(TIMERS, "apt-daily.service loaded activating start start Daily apt");
    await root.put("state", "stopping\n");
    expect(await stateAfter(STOP_ACTIVE_TIMERS)).toHaveProperty("pendingShutdown");
  });

  it("is asked by itself where no timers were stopped", async () => {
    await withUnits(TIMERS);
    await root.put("state", "stopping\n");
    expect(await stateAfter("")).toHaveProperty("pendingShutdown");
  });
});
