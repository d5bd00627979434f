/** The wait for messages on a serial console. */
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { MachineEnd } from "../../../../src/machine/running-machine.js";
import { reasonOf } from "../../../../src/stick/test/start.js";
import { ConsoleWatch } from "../../../../src/stick/test/watch.js";

const TEXTS = { sum: /The sum is correct\./, error: /ERROR: [^\n]*\n/ } as const;
const END: MachineEnd = { exitCode: 0, signal: null, byGuest: true, lastLines: [] };

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "watch-"));
  path = join(folder, "console.log");
});
afterEach(() => rm(folder, { recursive: true }));

function watching(timeoutMs: number, ended: Promise<MachineEnd> = new Promise(() => {})) {
  const { signal } = new AbortController();
  return new ConsoleWatch({ path, machine: { ended }, timeoutMs, signal });
}

it("finds the first of several texts, and goes on after it", async () => {
  await using watch = watching(60_000);
  const first = watch.next(TEXTS);
  await appendFile(path, "\r\n\u001b[0mThe sum is cor");
  await appendFile(path, "rect.\r\nERROR: the disk is fau");
  expect(await first).toEqual({ text: "sum" });
  const second = watch.next(TEXTS);
  await appendFile(path, "lty\r\n");
  expect(await second).toEqual({ text: "error" });
});

it("counts what a machine has written before its end", async () => {
  await appendFile(path, "The sum is correct.\r\n");
  await using watch = watching(60_000, Promise.resolve(END));
  expect(await watch.next(TEXTS)).toEqual({ text: "sum" });
  const seen = await watch.next(TEXTS);
  expect(seen).toEqual({ over: "ended" });
  expect(reasonOf({ over: "ended" }, "the image was installed")).toBe(
    "the machine ended before the image was installed",
  );
});

it("ends at a line that says that nothing can start", async () => {
  await appendFile(path, "Booting from Hard Disk...\r\nNo bootable device.\r\n");
  await using watch = watching(60_000);
  expect(await watch.next(TEXTS)).toEqual({ over: "fatal", line: "No bootable device." });
});

it("ends when the time is over, and by a sign from elsewhere", async () => {
  await using late = watching(0);
  expect(await late.next(TEXTS)).toEqual({ over: "timeout" });
  await using watch = watching(60_000);
  expect(await watch.next(TEXTS, () => Promise.resolve("sum" as const))).toEqual({ text: "sum" });
});
