/** The installer of a stick: payload, sums, the choice of the target, writing, and its memory. */
import { createHash, randomBytes } from "node:crypto";
import {
  copyFile,
  mkdtemp,
  readFile,
  readdir,
  rm,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makePrograms, makeStickMachine } from "../../support/stick-machine.js";
import type { DiskStandIn, StickMachine } from "../../support/stick-machine.js";

const MIB = 2 ** 20;
/** Size of the image. */
const IMAGE = 8 * MIB;
const NVME: DiskStandIn = {
  name: "nvme0n1",
  bus: "nvme",
  size: 16 * MIB,
  model: "ACME Fast 960G",
  serial: "A1",
};
const SATA: DiskStandIn = { name: "sda", bus: "ata", size: 12 * MIB, model: "ACME Slow 2T" };

/** Images that are also put into bundles. */
const BUNDLED = ["node.raw.zst", "node.qcow2"];

let folder: string;
let image: Buffer;
const makeMachine = (disks: readonly DiskStandIn[]): Promise<StickMachine> =>
  makeStickMachine(join(folder, "bin"), disks);
const env = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stick-image-"));
  await makePrograms(join(folder, "bin"));
  const raw = join(folder, "node.raw");
  await writeFile(raw, randomBytes(IMAGE));
  await execa("sfdisk", ["--quiet", "--wipe", "always", raw], {
    env,
    input: "label: gpt\nstart=2048, size=8192\n",
  });
  image = await readFile(raw);
  await execa("qemu-img", [
    "convert",
    "-f",
    "raw",
    "-O",
    "qcow2",
    "-c",
    raw,
    join(folder, "node.qcow2"),
  ]);
  await execa("zstd", ["-q", raw, "-o", join(folder, "node.raw.zst")]);
  await execa("gzip", ["-k", raw]);
  for (const name of BUNDLED) {
    const sum = sha256(await readFile(join(folder, name)));
    const entry = `  - kind: image\n    name: node\n    path: images/${name}\n    sha256: "${sum}"\n`;
    await writeFile(join(folder, "manifest.yaml"), `artifacts:\n${entry}`);
    const move = "--transform=s,^node,images/node,";
    const files = ["manifest.yaml", name];
    await execa("tar", ["--format=ustar", move, "-cf", `${name}.tar`, ...files], { cwd: folder });
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const sha256 = (content: Buffer): string => createHash("sha256").update(content).digest("hex");

/** Puts an image of the folder on the stick, with its sum. */
async function insert(machine: StickMachine, name: string, sum?: string): Promise<void> {
  const content = await readFile(join(folder, name));
  await writeFile(join(machine.stick, name), content);
  await writeFile(join(machine.stick, `${name}.sha256`), sum ?? `${sha256(content)}  ${name}\n`);
}

const settings = (machine: StickMachine, ...lines: string[]): Promise<void> =>
  writeFile(join(machine.stick, "installer.conf"), ["countdown = 0", ...lines, ""].join("\r\n"));

async function expectInstalled(machine: StickMachine, name: string): Promise<void> {
  const disk = await readFile(machine.disk(name));
  // The record for older systems and the header of the table change with the size of the disk.
  expect(disk.subarray(0, 440).equals(image.subarray(0, 440))).toBe(true);
  const body = disk.subarray(1024, IMAGE - 33 * 512);
  expect(body.equals(image.subarray(1024, IMAGE - 33 * 512))).toBe(true);
  const { stdout } = await execa("sfdisk", ["--verify", machine.disk(name)], { env });
  expect(stdout).toContain("No errors detected");
  expect(disk.toString("latin1", disk.length - 512, disk.length - 504)).toBe("EFI PART");
}

const isZero = (part: Buffer): boolean => part.equals(Buffer.alloc(part.length));

describe("installing", () => {
  it.each([
    ["node.qcow2", "restarts", 0],
    ["node.raw.zst", "turns the machine off where the settings say so", 10],
  ] as const)("writes %s, moves the copy of the table, and %s", async (name, _, end) => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, name);
    await settings(machine, ...(end === 10 ? ["after = poweroff"] : []));
    const { status, output } = await machine.run();
    expect(output).toContain(`The sum of ${name} is correct.`);
    expect(output).toContain("The image is installed on /dev/nvme0n1");
    expect(status).toBe(end);
    await expectInstalled(machine, "nvme0n1");
  });

  it("writes node.raw with a warning without a sum", async () => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, "node.raw");
    await unlink(join(machine.stick, "node.raw.sha256"));
    await settings(machine);
    const { status, output } = await machine.run();
    expect(output).toContain("Warning: the stick has no sum of node.raw");
    expect(status).toBe(0);
    await expectInstalled(machine, "nvme0n1");
  });

  it("writes node.raw.gz, whose sum is in a list that Windows wrote", async () => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, "node.raw.gz");
    await unlink(join(machine.stick, "node.raw.gz.sha256"));
    const sum = sha256(await readFile(join(folder, "node.raw.gz"))).toUpperCase();
    await writeFile(join(machine.stick, "SHA256SUMS"), `\ufeff${sum} *node.raw.gz\r\n`);
    await settings(machine);
    const { status, output } = await machine.run();
    expect(output).toContain("The sum of node.raw.gz is correct.");
    expect(status).toBe(0);
    await expectInstalled(machine, "nvme0n1");
  });

  it.each(BUNDLED)("writes %s from a bundle, whose manifest has the sum", async (name) => {
    await using machine = await makeMachine([NVME]);
    const bundle = `${name}.tar`;
    await writeFile(join(machine.stick, bundle), await readFile(join(folder, bundle)));
    await settings(machine);
    const { status, output } = await machine.run();
    expect(output).toContain(`The bundle contains images/${name}`);
    expect(output).toContain(`The sum of ${bundle} is correct.`);
    expect(status).toBe(0);
    await expectInstalled(machine, "nvme0n1");
  });

  it("does not install a machine again, but another image", async () => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, "node.raw");
    await settings(machine);
    expect((await machine.run()).status).toBe(0);
    const again = machine.start();
    await again.until("already installed on /dev/nvme0n1");
    await again.type("p");
    expect((await again.ended).status).toBe(10);
    await unlink(join(machine.stick, "node.raw"));
    // A qcow2 image, as some publishers name it.
    await copyFile(join(folder, "node.qcow2"), join(folder, "node.img"));
    await insert(machine, "node.img");
    const other = await machine.run();
    expect(other.output).toContain("The image is installed");
    await expectInstalled(machine, "nvme0n1");
    expect(await readdir(join(machine.stick, "installed"))).toHaveLength(1);
  });

  it("leaves a disk without a table after a power cut, and installs it at the next start", async () => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, "node.raw.zst");
    await settings(machine);
    await writeFile(machine.disk("nvme0n1"), Buffer.alloc(NVME.size, 0xaa));
    // Stand-in for the power cut: the whole process group ends in the middle of the image, which is
    // unpacked for the third time then, after its size and its first MiB were read.
    await machine.wrap(
      "zstd",
      'echo >>"$0.calls"; [ "$(wc -l <"$0.calls")" = 3 ] || exec @REAL@ "$@"; @REAL@ "$@" | head -c 3000000; kill -9 0',
    );
    expect((await machine.run()).status).toBe(137);
    const disk = await readFile(machine.disk("nvme0n1"));
    expect(isZero(disk.subarray(0, MIB))).toBe(true);
    expect(isZero(disk.subarray(-MIB))).toBe(true);
    expect((await machine.run()).status).toBe(0);
    await expectInstalled(machine, "nvme0n1");
  });
});

describe("the image", () => {
  it("is refused with a wrong sum, before anything is written", async () => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, "node.raw", `${"0".repeat(64)} *node.raw\n`);
    await settings(machine);
    const { status, output } = await machine.run();
    expect(status).toBe(1);
    expect(output).toContain("ERROR: node.raw is damaged: its sha256 is");
    expect(isZero(await readFile(machine.disk("nvme0n1")))).toBe(true);
  });

  it("is chosen by a person where there are several, and macOS' companions are ignored", async () => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, "node.raw");
    await insert(machine, "node.raw.gz");
    await writeFile(join(machine.stick, "._node.raw"), "resource fork");
    await settings(machine, "mode = dry-run");
    const running = machine.start();
    await running.until("2) node.raw.gz");
    await running.type("2\n");
    expect((await running.ended).output).toContain("Image: node.raw.gz");
  });

  it("is refused where it is no disk, and where it is incomplete", async () => {
    await using machine = await makeMachine([NVME]);
    await settings(machine);
    expect((await machine.run()).output).toContain("There is no image on the stick");
    await writeFile(join(machine.stick, "text.raw"), Buffer.alloc(2 * MIB, "text"));
    expect((await machine.run()).output).toContain("it has no boot record");
    await unlink(join(machine.stick, "text.raw"));
    await execa(
      "qemu-img",
      ["create", "-q", "-f", "qcow2", "-F", "qcow2"].concat(
        "-b",
        join(folder, "node.qcow2"),
        join(machine.stick, "top.qcow2"),
      ),
    );
    expect((await machine.run()).output).toContain("needs a backing file");
    await unlink(join(machine.stick, "top.qcow2"));
    const packed = await readFile(join(folder, "node.raw.zst"));
    await writeFile(join(machine.stick, "cut.raw.zst"), packed.subarray(0, packed.length / 2));
    expect((await machine.run()).output).toContain("cannot be unpacked");
    expect(isZero(await readFile(machine.disk("nvme0n1")))).toBe(true);
  });
});

describe("the target", () => {
  it("is no disk that is too small, removable, write-protected, on USB or of large sectors", async () => {
    await using machine = await makeMachine([
      { name: "sda", bus: "ata", size: 4 * MIB },
      { name: "sdb", bus: "ata", size: 16 * MIB, removable: true },
      { name: "sdc", bus: "ata", size: 16 * MIB, readOnly: true },
      { name: "sdd", bus: "usb", size: 16 * MIB },
      { name: "sde", bus: "scsi", size: 16 * MIB, sector: 4096 },
    ]);
    await insert(machine, "node.raw");
    await settings(machine);
    const { status, output } = await machine.run();
    expect(status).toBe(1);
    for (const reason of [
      "/dev/sda: no model, 4.0 MiB, ata: it is too small: the image has 8.0 MiB",
      "/dev/sdb: no model, 16.0 MiB, ata: it is removable",
      "/dev/sdc: no model, 16.0 MiB, ata: it is write-protected",
      "it is attached by USB",
      "its sectors have 4096 bytes",
      "/dev/sdz: no model, 1.0 GiB, usb: it is this stick",
    ]) {
      expect(output).toContain(reason);
    }
    expect(output).toContain("ERROR: No disk of this machine can be the target");
  });

  it("is the one that the rules leave", async () => {
    await using machine = await makeMachine([NVME, SATA]);
    await insert(machine, "node.raw");
    await settings(
      machine,
      "mode = dry-run",
      "target.model = acme slow*",
      "target.max-size = 14MB",
    );
    const { output } = await machine.run();
    expect(output).toContain("target.model is acme slow*");
    expect(output).toContain("Target: /dev/sda: ACME Slow 2T, 12.0 MiB, ata.");
  });

  it("is chosen by a person where several are left, but not in the mode dry-run", async () => {
    await using machine = await makeMachine([NVME, SATA]);
    await insert(machine, "node.raw");
    await settings(machine, "mode = dry-run");
    const { status, output } = await machine.run();
    expect(output).toContain("2) /dev/sda: ACME Slow 2T, 12.0 MiB, ata");
    expect(output).toContain("The installer would ask for one of them.");
    expect(status).toBe(20);
    await settings(machine);
    const running = machine.start();
    await running.until("Number of the disk");
    await running.type("7\n");
    await running.until('There is no disk with the number "7"');
    await running.type("2\n");
    expect((await running.ended).status).toBe(0);
    await expectInstalled(machine, "sda");
    expect(isZero(await readFile(machine.disk("nvme0n1")))).toBe(true);
  });

  // Stand-ins for a faulty disk: a byte changes after it was written.
  const flip = 'printf X | dd of="$DISK" bs=1 seek=3000000 conv=notrunc 2>/dev/null';
  it.each([
    ["node.qcow2", "qemu-img", `case "$*" in *target-image-opts*) ${flip} ;; esac`],
    [
      "node.raw.zst",
      "zstd",
      `echo >>"$0.calls"; [ "$(wc -l <"$0.calls")" = 3 ] || exit $status
       until dd if="$DISK" bs=1 skip=3000000 count=16 2>/dev/null | grep -q '[^[:cntrl:]]'; do :; done
       ${flip}`,
    ],
  ])(
    "is reported as faulty where it does not contain what %s has",
    async (name, program, script) => {
      await using machine = await makeMachine([NVME]);
      await insert(machine, name);
      await settings(machine);
      const disk = machine.disk("nvme0n1");
      await machine.wrap(program, `DISK=${disk}; @REAL@ "$@"; status=$?; ${script}; exit $status`);
      const { status, output } = await machine.run();
      expect(output).toContain("does not contain what was written to it; the disk is faulty");
      expect(status).toBe(1);
      expect(isZero((await readFile(disk)).subarray(0, MIB))).toBe(true);
      expect(await readdir(join(machine.stick, "installed"))).toEqual([]);
    },
  );

  it("is reported where it cannot be written", async () => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, "node.raw");
    await settings(machine);
    await unlink(machine.disk("nvme0n1"));
    await symlink("/dev/full", machine.disk("nvme0n1"));
    const { status, output } = await machine.run();
    expect(output).toContain("ERROR: /dev/nvme0n1 cannot be written");
    expect(status).toBe(1);
  });
});

describe("the settings", () => {
  it("stop the installer where a line is not understood", async () => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, "node.raw");
    await settings(machine, "", "target.modle = x");
    const { status, output } = await machine.run();
    expect(output).toContain("ERROR: Line 3 of installer.conf has an unknown key");
    expect(status).toBe(1);
  });

  it("write nothing in the mode dry-run", async () => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, "node.qcow2");
    await settings(machine, "mode = dry-run");
    const { status, output } = await machine.run();
    expect(output).toContain("Target: /dev/nvme0n1: ACME Fast 960G, 16.0 MiB, nvme, serial A1");
    expect(output).toContain("Nothing is written");
    expect(status).toBe(20);
    expect(isZero(await readFile(machine.disk("nvme0n1")))).toBe(true);
  });

  it("ask before writing in the mode ask", async () => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, "node.raw");
    await settings(machine, "mode = ask");
    for (const [answer, status] of [
      ["no", 20],
      ["yes", 0],
    ] as const) {
      const running = machine.start();
      await running.until("Number of the disk");
      await running.type("1\n");
      await running.until("Type yes");
      await running.type(`${answer}\n`);
      expect((await running.ended).status).toBe(status);
    }
  });

  it("have a countdown that any key stops", async () => {
    await using machine = await makeMachine([NVME]);
    await insert(machine, "node.raw");
    await settings(machine, "countdown = 600");
    const running = machine.start();
    await running.until("Installation begins in 600 s");
    await running.type("x");
    await running.until("Type yes");
    await running.type("\n");
    const { status, output } = await running.ended;
    expect(output).toContain("Nothing was changed.");
    expect(status).toBe(20);
  });
});
