/**
 * Sticks in real machines: each installs a Debian image on an empty disk, which then starts alone.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestFile } from "../../src/artifact/digest.js";
import type { StickFirmware, TargetBus } from "../../src/stick/test/matrix.js";
import { createSandbox, requireDone } from "../support/e2e.js";
import type { Ended, Sandbox } from "../support/e2e.js";

let sandbox: Sandbox;
let stick: string;

beforeAll(async () => {
  sandbox = await createSandbox();
  const template = await sandbox.template({
    name: "node",
    // The cloud kernel of every base has no driver for SATA. The base starts the kernel whose
    // version is sorted last, which is this one.
    base: { bootstrap: { suite: "bookworm", packages: ["linux-image-rt-amd64"] } },
    steps: [
      {
        name: "mark",
        actions: [
          { run: ["mkdir -p /etc/issue.d", "echo installed-by-stick >/etc/issue.d/stick.issue"] },
        ],
      },
    ],
  });
  requireDone(await sandbox.build(template).ended);
  stick = join(sandbox.folder, "stick.img");
  requireDone(
    await sandbox.vmbuild("installer", template, "--image", sandbox.output, "--to", stick),
  );
}, 3_600_000);
afterAll(() => sandbox[Symbol.asyncDispose]());

const test = (...options: string[]): Promise<Ended> =>
  sandbox.vmbuild("test", "node", "--installer", stick, "--accel", "tcg", ...options);

/** In the third case, the stick has signed boot loaders; the image in it does not. */
const CASES: readonly { firmware: StickFirmware; target: TargetBus }[] = [
  { firmware: "bios", target: "nvme" },
  { firmware: "uefi", target: "sata" },
  { firmware: "secure-boot", target: "virtio" },
];

describe("a stick", () => {
  it.each(CASES)("installs by $firmware on $target, once", async ({ firmware, target }) => {
    const machine = ["--firmware", firmware, "--target", target, "--again"];
    const ended = await test(...machine, "--prompt", "installed-by-stick", "--json");
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(ended.stdout)).toMatchObject({ ok: true, passed: 3, total: 3 });
    const { signal } = new AbortController();
    const { sha256 } = await digestFile(stick, ["sha256"], { emit: () => {}, signal });
    expect(await readFile(`${stick}.sha256`, "utf8")).toContain(sha256);
  });

  it("does not touch a disk that is too small", async () => {
    const machine = ["--firmware", "bios", "--target", "sata", "--target-size", "1G"];
    const logs = join(sandbox.folder, "logs");
    const ended = await test(...machine, "--logs", logs);
    expect(ended).toMatchObject({ exitCode: 8 });
    expect(ended.stdout).toContain("No disk of this machine can be the target");
    expect(ended.stdout).toContain("[FAIL] the disk starts alone -- the image was not installed");
    const picture = await readFile(join(logs, "bios-sata/install.png"));
    expect(picture.toString("latin1", 1, 4)).toBe("PNG");
    expect(await readFile(join(logs, "bios-sata/install.console.log"), "utf8")).toContain(
      "it is too small",
    );
  });
});
