import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLineFile } from "../../../src/host/line-file.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-lines-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("createLineFile", () => {
  it("writes masked lines, appends, and is private", async () => {
    const path = join(folder, "step.log");
    for (const line of ["the secret is out", "Grüße"]) {
      const file = createLineFile(path, (text) => text.replace("secret", "***"));
      file.write(line);
      file.close();
      file.close();
    }
    expect(await readFile(path, "utf8")).toBe("the *** is out\nGrüße\n");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("can be read before it is closed", async () => {
    const path = join(folder, "step.log");
    const file = createLineFile(path, (text) => text);
    file.write("early");
    await vi.waitFor(async () => expect(await readFile(path, "utf8")).toBe("early\n"));
    for (let at = 0; at < 10_000; at++) file.write("x".repeat(20));
    expect((await stat(path)).size).toBeGreaterThan(100_000);
    file.close();
    expect((await stat(path)).size).toBe(6 + 10_000 * 21);
  });
});
