import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readConsoleTail } from "../../../src/machine/console.js";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-console-"));
  path = join(folder, "console.log");
});
afterEach(() => rm(folder, { recursive: true }));

describe("readConsoleTail", () => {
  it("is empty before the guest has printed anything", async () => {
    expect(await readConsoleTail(path)).toEqual([]);
    await writeFile(path, "");
    expect(await readConsoleTail(path)).toEqual([]);
  });

  it("returns the last lines, without colours, cursor movements and empty lines", async () => {
    const esc = "\u001b";
    const text = `${esc}[2J${esc}[0mSeaBIOS\r\n\r\n\r\n[${esc}[32m  OK  ${esc}[0m] Started ssh.  \r\nlogin: `;
    await writeFile(path, text);
    expect(await readConsoleTail(path)).toEqual(["SeaBIOS", "[  OK  ] Started ssh.", "login:"]);
  });

  it("ends a line where the cursor moves to another one", async () => {
    const esc = "\u001b";
    // GNU screen in Debian's installer, which redraws its first line between lines of text.
    const bar = `${esc}[H${esc}[7m[  (1*installer)  ]`;
    const text = `Attempting IPv6 autoconfiguration...  ... 10%${bar}${esc}[6;52H${esc}[0m... 20%\r\nDone${esc}[J${bar}${esc}[2Bnext`;
    await writeFile(path, text);
    expect(await readConsoleTail(path)).toEqual([
      "Attempting IPv6 autoconfiguration...  ... 10%",
      "[  (1*installer)  ]",
      "... 20%",
      "Done",
      "[  (1*installer)  ]",
      "next",
    ]);
  });

  it("reads the end of a long one only", async () => {
    const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index}`);
    await writeFile(path, lines.join("\n"));
    expect(await readConsoleTail(path, 3)).toEqual(["line 49997", "line 49998", "line 49999"]);
    expect(await readConsoleTail(path)).toHaveLength(15);
  });
});
