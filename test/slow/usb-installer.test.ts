/**
 * Sticks in real machines: each installs a Debian image on an empty disk, which then starts alone.
 */
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runBareMachine } from "../support/bare-machine.js";
import type { BareBus, BareFirmware } from "../support/bare-machine.js";
import { createSandbox, requireDone } from "../support/e2e.js";
import type { Sandbox } from "../support/e2e.js";

let sandbox: Sandbox;
let stick: string;
const at = (name: string): string => join(sandbox.folder, name);

beforeAll(async () => {
  sandbox = await createSandbox();
  const template = await sandbox.template({
    name: "node",
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
  stick = at("stick.img");
  requireDone(
    await sandbox.vmbuild("installer", template, "--image", sandbox.output, "--to", stick),
  );
}, 3_600_000);
afterAll(() => sandbox[Symbol.asyncDispose]());

/** Creates an empty disk, which is larger than the image. */
async function emptyDisk(name: string): Promise<string> {
  await writeFile(at(name), "");
  await truncate(at(name), 6 * 2 ** 30);
  return at(name);
}

const CASES: readonly { firmware: BareFirmware; bus: BareBus; alone: BareFirmware }[] = [
  { firmware: "bios", bus: "nvme", alone: "bios" },
  { firmware: "uefi", bus: "sata", alone: "uefi" },
  // The stick has signed boot loaders; the image in it does not.
  { firmware: "secure", bus: "virtio", alone: "uefi" },
];

describe("a stick", () => {
  it.each(CASES)("installs by $firmware on $bus, once", async ({ firmware, bus, alone }) => {
    const variables = at(`${firmware}-${bus}.fd`);
    const target = { path: await emptyDisk(`${firmware}-${bus}.raw`), bus };
    const disks = [{ path: stick, bus: "stick" } as const, target];
    const installed = await runBareMachine({ firmware, disks, variables });
    expect(installed).toContain("The sum of node-0.0.0.qcow2 is correct.");
    expect(installed).toContain("The image is installed on /dev/");
    await runBareMachine({ firmware, disks, variables, until: "already installed on /dev/" });
    const console = await runBareMachine({
      firmware: alone,
      disks: [target],
      variables: at(`${firmware}-${bus}-alone.fd`),
      until: "login:",
    });
    expect(console).toContain("installed-by-stick");
  });

  it("does not touch a disk that is too small", async () => {
    await writeFile(at("small.raw"), "");
    await truncate(at("small.raw"), 2 ** 30);
    const disks = [
      { path: stick, bus: "stick" },
      { path: at("small.raw"), bus: "sata" },
    ] as const;
    const text = await runBareMachine({
      firmware: "bios",
      disks,
      variables: at("small.fd"),
      until: "No disk of this machine can be the target",
    });
    expect(text).toContain("it is too small");
  });
});
