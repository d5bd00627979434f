/**
 * Secure boot, a TPM, further disks and a second network in one guest, whose second run resumes from
 * a checkpoint between its two steps.
 */
import { execFileSync } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPublished } from "../../src/artifact/published.js";
import type { Ended, Sandbox } from "../support/e2e.js";
import { createSandbox, processesOf, requireDone } from "../support/e2e.js";

const NV = "0x1500016";

/** Commands of the guest that write a word of four bytes to the TPM, and extend a PCR with it. */
const remember = (word: string): string[] => [
  `printf %s ${word} | tpm2_nvwrite -C o -i - ${NV}`,
  `tpm2_pcrextend "15:sha256=$(printf %s ${word} | sha256sum | cut -c1-64)"`,
];

const template = (last: string) => ({
  name: "devices",
  base: { bootstrap: { suite: "bookworm", packages: ["tpm2-tools"] } },
  machine: {
    firmware: "uefi",
    secureBoot: true,
    tpm: true,
    networks: [{ kind: "user" }, { kind: "isolated", mac: "52:54:00:12:34:56" }],
    disks: [
      { name: "data", size: "64M", publish: { compression: "none" } },
      { name: "scratch", size: "32M", bus: "scsi" },
    ],
  },
  output: { compression: "none" },
  steps: [
    {
      name: "first",
      actions: [
        {
          run: [
            "mkfs.ext4 -q /dev/disk/by-id/virtio-data",
            "mkdir -p /mnt/data && mount /dev/disk/by-id/virtio-data /mnt/data",
            "echo one >/mnt/data/first",
            "echo scratch >/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_scratch",
            `tpm2_nvdefine -C o -s 4 ${NV}`,
            ...remember("1st."),
            "cat /sys/class/tpm/tpm0/pcr-sha256/15 >/root/pcr",
          ],
        },
      ],
      verify: [
        "mokutil --sb-state | grep -x 'SecureBoot enabled'",
        "grep -x 52:54:00:12:34:56 /sys/class/net/enp0s17/address",
        "ip -4 -o address show | grep -F ' 10.0.3.15/24 '",
        "! ip route show default | grep -F 10.0.3.",
      ],
    },
    {
      name: "second",
      actions: [
        {
          run: [
            "{ ls /mnt/data; cat /mnt/data/first",
            "head -c 8 /dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_scratch",
            `tpm2_nvread -C o ${NV}; echo`,
            "cmp /root/pcr /sys/class/tpm/tpm0/pcr-sha256/15 && echo same PCR; } >/root/seen",
            `echo ${last} >/mnt/data/second`,
            "echo changed >/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_scratch",
            ...remember("2nd."),
            "umount /mnt/data",
          ],
        },
        { download: "/root/seen", to: "seen.txt" },
      ],
    },
  ],
});

/** What the second step finds, in each run: the state after the first. */
const SEEN = ["first", "lost+found", "one", "scratch", "1st.", "same PCR", ""].join("\n");

describe("a machine with more devices than most", () => {
  let sandbox: Sandbox;
  let first: Ended;
  let second: Ended;

  const seen = (): Promise<string> => readFile(join(sandbox.output, "seen.txt"), "utf8");

  /** Returns a file in the file system of the published disk. */
  const publishedFile = (name: string): string => {
    const disk = join(sandbox.folder, "data.raw");
    const image = join(sandbox.output, "devices-0.0.0-data.qcow2");
    execFileSync("qemu-img", ["convert", "-O", "raw", image, disk]);
    const debugfs = ["-R", `cat /${name}`, disk];
    return execFileSync("/sbin/debugfs", debugfs, { encoding: "utf8", stdio: "pipe" });
  };

  beforeAll(async () => {
    sandbox = await createSandbox();
    first = await sandbox.build(await sandbox.template(template("run-1"))).ended;
  });
  afterAll(() => sandbox[Symbol.asyncDispose]());

  it("builds under secure boot, and publishes a disk beside the image", async () => {
    requireDone(first);
    expect(await seen()).toBe(SEEN);
    const { files } = await readPublished(sandbox.output);
    expect(files.map(({ name, disk }) => [name, disk])).toEqual([
      ["devices-0.0.0.qcow2", undefined],
      ["devices-0.0.0-data.qcow2", "data"],
    ]);
    expect(publishedFile("second")).toBe("run-1\n");
    execFileSync("sh", ["-c", "sha256sum -c *.sha256"], { cwd: sandbox.output, stdio: "pipe" });
  });

  it("resumes with the disks and the TPM as they were after the first step", async () => {
    second = await sandbox.build(await sandbox.template(template("run-2"))).ended;
    requireDone(second);
    expect(second.stderr).toContain("step [1/2] first cached");
    expect(await seen()).toBe(SEEN);
    expect(publishedFile("second")).toBe("run-2\n");
  });

  it("leaves no process and no socket", async () => {
    expect(await processesOf(sandbox.folder)).toEqual([]);
    expect(await readdir(join(sandbox.runtime, "vmbuild"))).toEqual([]);
  });
});
