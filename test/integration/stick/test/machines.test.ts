/** `vmbuild test --installer` with real QEMUs and a stand-in for the stick, a boot sector. */
import { mkdir, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCliHome } from "../../../support/cli.js";
import type { CliHome, CliResult } from "../../../support/cli.js";
import { writeStandInStick } from "../../../support/stand-in-stick.js";

let home: CliHome;
let temporary: string;
const at = (name: string): string => join(home.folder, name);
beforeAll(async () => {
  home = await makeCliHome();
  temporary = at("temporary");
  await mkdir(temporary);
});
afterAll(() => home[Symbol.asyncDispose]());

const test = (stick: string, ...args: string[]): Promise<CliResult> => {
  const env = { ...home.env, TMPDIR: temporary };
  const options = ["--accel", "tcg", "--firmware", "bios", ...args];
  return home.runWith(env, "test", "nodes", "--installer", stick, ...options);
};

describe("a stick that installs", () => {
  it("passes on each bus, is not changed, and leaves nothing behind", async () => {
    await writeStandInStick(at("good.img"));
    const before = await readFile(at("good.img"));
    const { exitCode, stdout } = await test("good.img", "--junit", "report.xml");
    expect(stdout).toContain("BIOS, NVMe\n[PASS] the stick installs its image on the empty disk (");
    expect(stdout).toContain("[PASS] the disk starts alone (");
    expect(stdout).toContain("Result: 6/6 tests passed");
    expect(exitCode).toBe(0);
    expect((await readFile(at("good.img"))).equals(before)).toBe(true);
    expect(await readdir(temporary)).toEqual([]);
    expect(await readFile(at("report.xml"), "utf8")).toContain(
      'name="nodes, BIOS, SATA" tests="2"',
    );
  });

  it("passes by another text of its system, with its consoles in a folder", async () => {
    await writeStandInStick(at("other.img"), { alone: "\r\nserving on port 80\r\n" });
    const options = ["--target", "virtio", "--prompt", "serving on", "--logs", "logs", "--json"];
    const { exitCode, stdout } = await test("other.img", ...options);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: "nodes", ok: true, passed: 2, total: 2 });
    const console = await readFile(at("logs/bios-virtio/alone.console.log"), "utf8");
    expect(console).toContain("serving on port 80");
    expect(await readdir(temporary)).toEqual([]);
  });
});

describe("a stick that fails", () => {
  it("is reported with the installer's error, the console and the screen", async () => {
    const installed = "\r\nERROR: /dev/sda cannot be written.\r\n";
    await writeStandInStick(at("bad.img"), { installed });
    const { exitCode, stdout, stderr } = await test("bad.img", "--target", "sata");
    expect(exitCode).toBe(8);
    expect(stdout).toContain(
      "[FAIL] the stick installs its image on the empty disk -- the installer ended with the error: /dev/sda cannot be written.",
    );
    expect(stdout).toContain("[FAIL] the disk starts alone -- the image was not installed");
    expect(stderr).toContain("[ACCEPTANCE_FAILED]");
    const path = /console: (.*install\.console\.log)/.exec(stdout)?.[1] ?? "";
    expect(await readFile(path, "utf8")).toContain("ERROR: /dev/sda cannot be written.");
    // The disks are removed.
    const [folder = ""] = await readdir(temporary);
    expect(await readdir(join(temporary, folder))).toEqual(["logs"]);
  });

  it("is reported where the system does not find its disk, with a picture", async () => {
    const alone = "\r\nALERT!  UUID=1234 does not exist.  Dropping to a shell!\r\n";
    await writeStandInStick(at("lost.img"), { alone });
    const { exitCode, stdout } = await test("lost.img", "--target", "sata", "--logs", "lost");
    expect(exitCode).toBe(8);
    expect(stdout).toContain("[PASS] the stick installs");
    expect(stdout).toContain("the installed system does not find its disk");
    const picture = await readFile(at("lost/bios-sata/alone.png"));
    expect(picture.toString("latin1", 1, 4)).toBe("PNG");
  });

  it("is reported where the machine restarts too early, and after its time", async () => {
    await writeStandInStick(at("early.img"), { installed: "\r\nhello\r\n" });
    const early = await test("early.img", "--target", "sata");
    expect(early.stdout).toContain("the machine ended before the image was installed");
    const late = await test("early.img", "--target", "sata", "--timeout", "1ms");
    expect(late.stdout).toContain("the time limit was over before the image was installed");
    expect(late.exitCode).toBe(8);
  });

  it("is reported where it would install again", async () => {
    await writeStandInStick(at("loop.img"));
    const { exitCode, stdout } = await test("loop.img", "--target", "sata", "--again");
    expect(exitCode).toBe(8);
    expect(stdout).toContain("[FAIL] the stick does not install again -- the machine ended before");
    expect(stdout).toContain("[PASS] the disk starts alone");
  });
});
