/** Keeps the last pictures of a machine's screen, to look at after a failure. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { statIfThere, writeFileAtomic } from "../host/files.js";
import { encodePng } from "./png.js";
import { captureScreen, differingPixels } from "./screen.js";
import type { Screen, ScreenSource } from "./screen.js";
import { CURSOR_PIXELS } from "./stable-screen.js";

/** Time between two captures. Milliseconds. */
const CAPTURE_INTERVAL_MS = 10_000;
/** Number of pictures that are kept. */
const KEPT_PICTURES = 3;

/** Inputs of {@link keepScreens}. */
export interface ScreenKeeperOptions {
  readonly machine: ScreenSource;
  /** Folder for the pictures. It is created if missing. */
  readonly folder: string;
  readonly intervalMs?: number;
}

/** Keeps pictures until it is disposed of. */
export interface ScreenKeeper extends AsyncDisposable {
  /** Returns the path of the newest picture that was kept; undefined before the first. */
  latest(): string | undefined;
  /**
   * Captures the screen once more, if the machine still runs, and ends the regular captures.
   * @returns the path of the newest picture; undefined where there is none. Never throws.
   */
  last(): Promise<string | undefined>;
}

const PICTURE = /^(\d{3,})\.png$/;

/** Returns the names of the pictures in a folder, oldest first. */
async function pictureNames(folder: string): Promise<string[]> {
  if (!(await statIfThere(folder))) return [];
  const names = (await readdir(folder)).filter((name) => PICTURE.test(name));
  return names.toSorted((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10));
}

/** Writes a picture under the next number, and removes the oldest ones. Returns its path. */
async function keep(screen: Screen, folder: string): Promise<string> {
  const names = await pictureNames(folder);
  const number = Number.parseInt(names.at(-1) ?? "0", 10) + 1;
  const name = `${String(number).padStart(3, "0")}.png`;
  const path = join(folder, name);
  await writeFileAtomic(path, await encodePng(screen), 0o600);
  for (const old of names.slice(0, -(KEPT_PICTURES - 1))) await rm(join(folder, old));
  return path;
}

/**
 * Captures the screen every ten seconds and keeps the last three pictures that differ by more than
 * a cursor, as `001.png` and so on. Failures of captures are ignored: no run depends on them.
 */
export function keepScreens({
  machine,
  folder,
  intervalMs = CAPTURE_INTERVAL_MS,
}: ScreenKeeperOptions): ScreenKeeper {
  const stop = new AbortController();
  let kept: Screen | undefined;
  let latest: string | undefined;
  const capture = async (fewestPixels: number): Promise<void> => {
    const screen = await captureScreen(machine, folder);
    if (kept && differingPixels(kept, screen) < fewestPixels) return;
    latest = await keep(screen, folder);
    kept = screen;
  };
  const loop = async (): Promise<void> => {
    for (;;) {
      await delay(intervalMs, undefined, { signal: stop.signal, ref: false });
      // The machine may have ended, or the disk may be full; the next capture may work.
      await capture(CURSOR_PIXELS).catch(() => {});
    }
  };
  // The loop ends by the signal only.
  const ended = loop().catch(() => {});
  const end = async (): Promise<void> => {
    stop.abort();
    await ended;
  };
  return {
    latest: () => latest,
    async last() {
      await end();
      // The picture of an earlier capture remains where the machine has ended.
      await capture(1).catch(() => {});
      return latest;
    },
    [Symbol.asyncDispose]: end,
  };
}
