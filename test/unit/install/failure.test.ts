import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { failureMessage, findFailure, installError } from "../../../src/install/failure.js";

describe("findFailure", () => {
  it.each([
    "!! ERROR: Failed to retrieve the preconfiguration file",
    "An installation step failed. You can try to run the failing item again from the menu,",
    "Kernel panic - not syncing: No working init found.",
    "Prompt: '?' for help>",
    "Prompt: '?' for help, default=1>",
    "[Press enter to continue]",
  ])("recognizes %s", (line) => {
    expect(findFailure(["Loading additional components", line], [])).toBe(line);
  });

  it("takes no notice of progress", () => {
    const lines = [
      "Retrieving anna... 3%... 10%",
      "Press enter to retry",
      "ERROR: ld.so: ignored.",
    ];
    expect(findFailure(lines, [])).toBeUndefined();
    expect(findFailure(lines, [/^ERROR: /])).toBe("ERROR: ld.so: ignored.");
  });
});

describe("failureMessage", () => {
  it("names the line, and says where a question has no answer", () => {
    expect(failureMessage("!! ERROR: No disk")).toBe("The installer failed: !! ERROR: No disk");
    expect(failureMessage("Prompt: '?' for help>")).toContain("asks a question");
  });
});

describe("installError", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "vmbuild-install-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("shows the installer's last lines without the status line of GNU screen", async () => {
    const console = join(folder, "console.log");
    const bar = "[        (1*installer)  2 shell  3 shell  4- log           ][ Nov 26 18:43 ]";
    await writeFile(console, `Configuring apt\r\n${`\u001b[H${bar}\r\n`.repeat(50)}Prompt: `);
    const requests = [{ method: "GET", path: "/preseed.cfg", status: 404, bytes: 0 }];
    const error = await installError("It failed", { console, requests, screen: "/run/003.png" });
    expect(error.code).toBe("BASE_INSTALL");
    expect(error.lines).toEqual([
      "last lines of the console:",
      "  Configuring apt",
      "  Prompt:",
      "last requests to the HTTP server:",
      "  GET /preseed.cfg 404 0 bytes",
      "not served: /preseed.cfg (404)",
      "screen: /run/003.png",
    ]);
  });
});
