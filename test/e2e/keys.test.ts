/** Keys that are typed into a guest arrive as the characters and keys that were meant. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootstrapSpec, resolveBootstrap } from "../../src/base/cached-bootstrap.js";
import { waitForConsoleText } from "../../src/machine/console-text.js";
import { parseKeys } from "../../src/machine/keys/notation.js";
import { typeKeys } from "../../src/machine/keys/type.js";
import type { RunningMachine } from "../../src/machine/running-machine.js";
import { captureScreen, differingPixels } from "../../src/machine/screen.js";
import { extractKernel, writeInitramfs } from "../support/initramfs.js";
import { startSmallMachine } from "../support/machine.js";

/** Prints the lines that are typed on the first terminal, and then each byte of its keys. */
const INIT = `#!/bin/busybox sh
export PATH=/bin
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
exec >/dev/ttyS0 2>&1 </dev/tty1
busybox stty -onlcr </dev/ttyS0
echo "ready for lines"
while IFS= read -r line; do
  [ "$line" = end ] && break
  printf 'line(%s)\\n' "$line"
done
echo "ready for keys"
busybox stty raw -echo </dev/tty1
exec busybox cat
`;

const PRINTABLE = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join("");

/** Keys, and what Linux's terminal sends for them (console_codes(4) and drivers/tty/vt/defkeymap.map). */
const KEYS: readonly (readonly [keys: string, sent: string])[] = [
  ["<esc>", "\x1b"],
  ["<tab><enter><return><bs><spacebar>", "\t\r\r\x7f "],
  ["<up><down><right><left>", "\x1b[A\x1b[B\x1b[C\x1b[D"],
  ["<home><insert><del>", "\x1b[1~\x1b[2~\x1b[3~"],
  ["<end><pageUp><pageDown>", "\x1b[4~\x1b[5~\x1b[6~"],
  ["<f1><f2><f3><f4><f5>", "\x1b[[A\x1b[[B\x1b[[C\x1b[[D\x1b[[E"],
  ["<f6><f7><f8><f9><f10>", "\x1b[17~\x1b[18~\x1b[19~\x1b[20~\x1b[21~"],
  ["<f11><f12>", "\x1b[23~\x1b[24~"],
  ["<leftCtrlOn>c<leftCtrlOff><rightCtrlOn><dOn><dOff><rightCtrlOff>", "\x03\x04"],
  ["<leftShiftOn>a<leftShiftOff><rightShiftOn>1<rightShiftOff>", "A!"],
  ["<leftAltOn>x<leftAltOff><leftOptionOn>y<leftOptionOff>", "\x1bx\x1by"],
  ["<leftSuper><rightSuper><menu><COn><cOff><leftShiftOff>.", "C."],
];

let folder: string;
let machine: RunningMachine;
let position = 0;
const { signal } = new AbortController();
const console = (): string => join(folder, "console.log");

/** Waits for a text on the console after the previous one. */
async function waitFor(pattern: string | RegExp): Promise<void> {
  position = await waitForConsoleText({
    ...{ path: console(), pattern, from: position },
    ...{ timeoutMs: 240_000, signal: machine.death },
  });
}

/** Types a text, and fails where it cannot be typed. */
async function type(...texts: string[]): Promise<readonly string[]> {
  const { events, problems } = parseKeys(texts);
  expect(problems).toEqual([]);
  return typeKeys(machine, events, { intervalMs: 50, signal: machine.death });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-k-"));
  const spec = bootstrapSpec({ suite: "bookworm", packages: [] });
  const base = await resolveBootstrap(spec, { signal, emit: () => {} });
  const initrd = join(folder, "initrd");
  await writeInitramfs(initrd, INIT);
  const kernel = {
    kernel: await extractKernel(base.path, folder),
    initrd,
    commandLine: "console=ttyS0 quiet panic=-1",
  };
  machine = await startSmallMachine(folder, {
    memory: 256 * 2 ** 20,
    files: { kernel, hasScreen: true },
  });
});
afterAll(async () => {
  await machine?.kill();
  await rm(folder, { recursive: true });
});

describe("typed keys", () => {
  it("are the 95 printable characters", async () => {
    await waitFor("ready for lines");
    const before = await captureScreen(machine, folder);
    const start = position;
    // The characters of each text are literal, so no key has a name here.
    await type(...Array.from(PRINTABLE), "<enter>", "tab\tand <spacebar>space\n");
    await waitFor(/line\(tab.*\)\n/);
    const text = (await readFile(console())).subarray(start, position).toString("latin1");
    expect(text.replaceAll("\r", "").trimStart()).toBe(
      `line(${PRINTABLE})\nline(tab\tand  space)\n`,
    );
    const echoed = await captureScreen(machine, folder);
    expect(differingPixels(before, echoed)).toBeGreaterThan(400);
    expect(await type("<leftShiftOn>held<wait100ms>", "<leftShiftOff>, free<leftAltOn>")).toEqual([
      "leftAlt",
    ]);
    await type("<bs><enter>");
    await waitFor("line(HELD, fre)\n");
  });

  it("are the named keys", async () => {
    await type("end<enter>");
    await waitFor("ready for keys\n");
    const start = position;
    await type(...KEYS.map(([keys]) => keys), "Q");
    await waitFor("Q");
    const sent = (await readFile(console())).subarray(start, position).toString("latin1");
    expect(sent).toBe(`${KEYS.map(([, bytes]) => bytes).join("")}Q`);
  });
});
