/** The devices of a template's machine: what is accepted, refused, and made of it. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { planMachine, planOutput } from "../../../src/requirements/plan.js";
import { programsFor } from "../../../src/requirements/programs.js";
import { load, loadError, templateText } from "./support.js";

const GIB = 2 ** 30;
const disk = (more: object = {}): object => ({ name: "data", size: "1G", ...more });

describe("a machine is refused", () => {
  it.each<[object, string]>([
    [{ disks: [{ name: "data" }] }, "machine.disks[0]: a disk needs a size, or an image"],
    [{ disks: [disk({ name: "Data" })] }, "lower-case letters, digits and dashes"],
    [{ disks: [disk({ name: "a".repeat(21) })] }, "at most 20 characters"],
    [{ disks: [disk(), disk()] }, 'machine.disks[1].name: the name "data" is used by another disk'],
    [
      { disks: [disk({ publish: { format: "ova" } })] },
      'machine.disks[0].publish.format: expected one of "qcow2", "raw", "vmdk"',
    ],
    [
      { disks: [disk({ publish: { compression: "zstd", format: "raw" } })] },
      "a raw image cannot be compressed",
    ],
    [
      { disks: [disk({ publish: { filename: "demo-0.0.0.qcow2" } })] },
      'the image would have the name "demo-0.0.0.qcow2" of output',
    ],
    [
      { disks: [disk({ size: "3T", publish: { format: "vhd" } })] },
      "a vhd image holds a disk of at most",
    ],
    [
      {
        diskBus: "sata",
        disks: ["a", "b", "c", "d", "e", "f"].map((name) => disk({ name, bus: "sata" })),
      },
      "machine.disks: a machine of the type q35 has ports for 6 SATA disks, not for 7",
    ],
    [{ networks: [{ kind: "bridge" }] }, "needs the name of a bridge"],
    [
      { networks: [{ kind: "user", bridge: "br0" }] },
      "machine.networks[0].bridge: a network of the kind user has no bridge",
    ],
    [
      { networks: [{ kind: "bridge", bridge: "br0" }] },
      "machine.networks: the build needs a network of the kind user or isolated",
    ],
    [{ network: "isolated", networks: [{}] }, "machine.network: machine.networks lists all cards"],
    [{ networks: [{ mac: "52-54-00-12-34-56" }] }, 'a MAC address is written as "52:54:00'],
    [{ networks: [{ mac: "53:54:00:12:34:56" }] }, "its first byte must be even"],
    [
      { networks: [{ mac: "52:54:00:76:6D:63" }, {}] },
      "machine.networks[1]: the MAC address 52:54:00:76:6d:63 is used by another network card",
    ],
    [{ secureBoot: true }, "machine.secureBoot: secure boot needs UEFI; set machine.firmware"],
    [
      { secureBoot: true, firmware: "uefi", type: "pc" },
      "machine.secureBoot: secure boot needs the machine type q35; machine.type is pc",
    ],
    [{ firmware: { code: "CODE.fd" } }, "machine.firmware"],
  ])("%j", async (machine, message) => {
    const { code, lines } = await loadError(templateText({ machine }));
    expect(code).toBe("TEMPLATE_INVALID");
    expect(lines.join("\n")).toContain(message);
  });

  it("when a step's file would have the name of a disk's image", async () => {
    const { lines } = await loadError(
      templateText({
        machine: { disks: [disk({ publish: true })] },
        steps: [
          { name: "s", actions: [{ download: "/etc/motd", to: "demo-0.0.0-data.qcow2.md5" }] },
        ],
      }),
    );
    expect(lines.join("\n")).toContain("reserved for the image's md5 checksum file");
  });
});

describe("a machine", () => {
  it("has the devices of the template", async () => {
    const template = await load(
      templateText({
        machine: {
          firmware: { code: "fw/CODE.fd", variables: "/abs/VARS.fd" },
          secureBoot: true,
          tpm: true,
          display: "virtio",
          disks: [disk(), { name: "img", from: "seed.img", bus: "scsi" }],
          networks: [{ kind: "isolated", model: "e1000" }, { mac: "52:54:00:AA:BB:CC" }],
        },
      }),
    );
    expect(planMachine(template)).toMatchObject({
      firmware: "uefi",
      uefiFiles: { code: join(template.folder, "fw/CODE.fd"), variables: "/abs/VARS.fd" },
      secureBoot: true,
      tpm: true,
      display: "virtio",
      disks: [
        { name: "data", bus: "virtio" },
        { name: "img", bus: "scsi" },
      ],
      network: "isolated",
      networks: [
        { kind: "isolated", model: "e1000", mac: "52:54:00:76:6d:62" },
        { kind: "user", model: "virtio-net-pci", mac: "52:54:00:aa:bb:cc" },
      ],
    });
    expect(programsFor(template)).toContain("swtpm");
    // The base must start under secure boot.
    expect(template.base).toMatchObject({ bootstrap: { secureBoot: true } });
  });

  it("has none of them by default", async () => {
    const template = await load(templateText());
    const none = ["disks", "networks", "uefiFiles", "secureBoot", "tpm", "display"];
    expect(Object.keys(planMachine(template)).filter((key) => none.includes(key))).toEqual([]);
    expect(planMachine(template).network).toBe("user");
    expect(template.base).toMatchObject({ bootstrap: { secureBoot: false } });
  });
});

it("publishes disks beside the image, after all images of the root disk", async () => {
  const template = await load(
    templateText({
      version: "2.0",
      output: { formats: [{ format: "vmdk" }] },
      machine: {
        disks: [
          disk({ publish: true }),
          disk({ name: "scratch" }),
          disk({ name: "raw", publish: { format: "raw", pack: "xz" } }),
        ],
      },
    }),
  );
  const { images, path } = planOutput(template);
  expect(path).toMatch(/\/demo-2\.0\.qcow2$/);
  expect(images.map(({ filename, disk: of }) => [filename, of])).toEqual([
    ["demo-2.0.qcow2", undefined],
    ["demo-2.0.vmdk", undefined],
    ["demo-2.0-data.qcow2", "data"],
    ["demo-2.0-raw.raw.xz", "raw"],
  ]);
  expect(template.machine.disks[0]?.size).toBe(GIB);
});
