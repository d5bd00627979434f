/** Formats that describe a machine beside the disk, as other programs read them. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compact } from "../../../src/artifact/compact.js";
import type { EventBody } from "../../../src/events/types.js";
import { DISK, progressOf, run, useFormatTest } from "../../support/formats.js";
import { MIB } from "../../support/images.js";

const test = useFormatTest();
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Lists an archive as GNU tar reads it: type, mode, owner, time and name of each member. */
function listing(path: string, ...flags: string[]): string[] {
  const args = ["--utc", "--full-time", "--numeric-owner", "-tvf", path, ...flags];
  return run("tar", ...args)
    .trim()
    .split("\n")
    .map((line) => line.replace(/^(\S+ \S+) +\d+ /, "$1 "));
}

describe("an OVA", () => {
  it("has descriptor, manifest and disk in this order, and they agree", async () => {
    const events: EventBody[] = [];
    const emit = (event: EventBody): unknown => events.push(event);
    const chosen = test.options({ format: "ova", filename: "own name.ova", emit });
    const image = await compact(chosen);
    expect(image).toEqual({ size: (await stat(chosen.destination)).size, virtualSize: DISK });
    expect(listing(chosen.destination)).toEqual([
      "-rw-r--r-- 0/0 1970-01-01 00:00:00 demo-1.2.ovf",
      "-rw-r--r-- 0/0 1970-01-01 00:00:00 demo-1.2.mf",
      "-rw-r--r-- 0/0 1970-01-01 00:00:00 demo-1.2-disk1.vmdk",
    ]);
    const archive = await readFile(chosen.destination);
    expect(archive.toString("latin1", 257, 265)).toBe("ustar\x0000");
    run("tar", "-C", test.folder, "-xf", chosen.destination);
    test.requireSame(join(test.folder, "demo-1.2-disk1.vmdk"), "vmdk");
    expect(run("qemu-img", "check", join(test.folder, "demo-1.2-disk1.vmdk"))).toContain(
      "No errors",
    );
    const [ovf, disk] = await Promise.all(
      ["demo-1.2.ovf", "demo-1.2-disk1.vmdk"].map((name) => readFile(join(test.folder, name))),
    );
    expect(await readFile(join(test.folder, "demo-1.2.mf"), "utf8")).toBe(
      `SHA256(demo-1.2.ovf)= ${sha256(ovf ?? Buffer.alloc(0))}\n` +
        `SHA256(demo-1.2-disk1.vmdk)= ${sha256(disk ?? Buffer.alloc(0))}\n`,
    );
    const text = ovf?.toString() ?? "";
    expect(text).toContain(`ovf:href="demo-1.2-disk1.vmdk" ovf:size="${disk?.length}"`);
    expect(text).toContain(`ovf:capacity="${DISK}" ovf:capacityAllocationUnits="byte"`);
    expect(text).toContain("<rasd:VirtualQuantity>3</rasd:VirtualQuantity>");
    expect(text).toContain("<rasd:VirtualQuantity>1536</rasd:VirtualQuantity>");
    expect(text).toContain('vmw:key="firmware" vmw:value="efi"');
    expect(progressOf(events, "compact").at(-1)).toMatchObject({ done: 100, total: 100 });
    expect(progressOf(events, "archive").length).toBeGreaterThan(0);
  });
});

describe("virt-v2v", () => {
  it("reads the OVA's machine", async ({ skip }) => {
    const isThere = spawnSync("virt-v2v", ["--version"]).status === 0;
    skip(!isThere, "virt-v2v is not installed");
    const chosen = test.options({ format: "ova" });
    await compact(chosen);
    const source = run("virt-v2v", "-i", "ova", chosen.destination, "--print-source");
    const facts = source.split("\n").map((line) => line.trim());
    expect(facts).toEqual(
      expect.arrayContaining([
        "source name: demo",
        `memory: ${1536 * MIB} (bytes)`,
        "nr vCPUs: 3",
        "firmware: uefi",
        "0 [sata]",
        'Bridge "VM Network" [e1000]',
      ]),
    );
  });
});

describe("a Vagrant box for libvirt", () => {
  it("has metadata, defaults and a qcow2 disk", async () => {
    const chosen = test.options({ format: "vagrant-libvirt" });
    await compact(chosen);
    expect(listing(chosen.destination, "-z")).toEqual([
      "-rw-r--r-- 0/0 1970-01-01 00:00:00 metadata.json",
      "-rw-r--r-- 0/0 1970-01-01 00:00:00 Vagrantfile",
      "-rw-r--r-- 0/0 1970-01-01 00:00:00 box.img",
    ]);
    run("tar", "-C", test.folder, "-xzf", chosen.destination);
    const metadata = await readFile(join(test.folder, "metadata.json"), "utf8");
    expect(JSON.parse(metadata)).toEqual({ provider: "libvirt", format: "qcow2", virtual_size: 1 });
    const vagrantfile = await readFile(join(test.folder, "Vagrantfile"), "utf8");
    expect(vagrantfile).toContain("libvirt.cpus = 3\n    libvirt.memory = 1536\n");
    expect(vagrantfile).toContain("libvirt.loader = loader if loader");
    expect(run("qemu-img", "check", join(test.folder, "box.img"))).toContain("No errors");
    test.requireSame(join(test.folder, "box.img"), "qcow2");
  });

  it("has the template's files, and its Vagrantfile below the defaults, which it replaces", async () => {
    const own = 'Vagrant.configure("2") do |config|\n  config.ssh.shell = "sh"\nend\n\n';
    const boxFiles = { "info.json": '{"author":"me"}\n' };
    const chosen = test.options({ format: "vagrant-libvirt", vagrantfile: own, boxFiles });
    await compact(chosen);
    run("tar", "-C", test.folder, "-xzf", chosen.destination, "Vagrantfile", "info.json");
    expect(await readFile(join(test.folder, "info.json"), "utf8")).toBe(boxFiles["info.json"]);
    const text = await readFile(join(test.folder, "Vagrantfile"), "utf8");
    expect(text).toMatch(/^Vagrant\.configure\("2"\) do \|config\|\n {2}config\.vm\.provider/);
    expect(text.endsWith(`\nend\n\n${own.trimEnd()}\n`)).toBe(true);
  });
});
