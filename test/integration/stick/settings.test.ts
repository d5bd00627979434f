/** Settings files, which the installer's own code checks before a stick is made. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { MODES, checkSettings, defaultSettings } from "../../../src/stick/settings.js";

const { signal } = new AbortController();
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "settings-"));
  path = join(folder, "installer.conf");
});
afterEach(() => rm(folder, { recursive: true }));

it.each(MODES)("accepts the standard file with the mode %s", async (mode) => {
  await writeFile(path, await defaultSettings(mode));
  await expect(checkSettings(path, "a name.qcow2", folder, signal)).resolves.toBeUndefined();
});

it("accepts every setting, as an editor of Windows saves them", async () => {
  const lines = [
    "\uFEFFmode=ask",
    "countdown = 0",
    "payload = a name.qcow2",
    "target.min-size = 400G",
    "target.max-size = 2TB",
    "target.model = *SSD*",
    "target.serial = S?",
    "target.bus = nvme ata",
    "verify = no",
    "After = poweroff",
  ];
  await writeFile(path, lines.join("\r\n"));
  await expect(checkSettings(path, "a name.qcow2", folder, signal)).resolves.toBeUndefined();
});

it.each(["mode = automatic", "target.size = 1G", "target.min-size = 1X", "no value", "verify = 1"])(
  "names the line of %s",
  async (line) => {
    await writeFile(path, `# comment\n${line}\n`);
    const error: unknown = await checkSettings(path, "a name.qcow2", folder, signal).catch(
      (one: unknown) => one,
    );
    expect(error).toMatchObject({
      code: "USAGE",
      lines: [expect.stringMatching(/^Line 2 of installer\.conf .*: /)],
    });
  },
);

it("refuses a file for another image, and a folder", async () => {
  await writeFile(path, "payload = other.qcow2\n");
  await expect(checkSettings(path, "a name.qcow2", folder, signal)).rejects.toMatchObject({
    lines: ["The setting payload is other.qcow2, but the image on the stick is a name.qcow2."],
  });
  await expect(checkSettings(folder, "a name.qcow2", folder, signal)).rejects.toThrow(
    "does not exist or is not a file",
  );
});
