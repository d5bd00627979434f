/** Growth of root file systems on partitions and LVM's volumes, in a guest whose kernel has them. */
import { resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSandbox, requireDone } from "../support/e2e.js";
import type { Sandbox } from "../support/e2e.js";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox[Symbol.asyncDispose]());

const SCRIPT = "/root/05-grow-root.sh";

/**
 * Makes a small root file system on the further disk, calls the script in it twice, and requires
 * that it has the size of the disk. The folders with programs are those of the guest.
 */
const growScript = (fileSystem: string, hasVolume: boolean): string => `set -eu
disk=$(lsblk --noheadings --nodeps --paths --output NAME,SIZE | awk '$2 == "2G" { print $1 }')
wipefs --all --quiet "$disk"
printf 'label: gpt\\nsize=900MiB\\n' | sfdisk --quiet "$disk"
udevadm settle
device="$disk"1
wipefs --all --quiet "$device"
if ${hasVolume}; then
  pvcreate --quiet --yes "$device"
  vgcreate --quiet sys "$device"
  lvcreate --quiet --yes --extents 60%FREE --name root sys
  device=/dev/sys/root
fi
mkfs.${fileSystem} -q "$device"
mkdir -p /new
mount "$device" /new
cd /new
mkdir dev proc sys run usr etc root tmp
cp -a /bin /sbin /lib* .
for folder in dev proc sys run usr etc; do mount --rbind "/$folder" "$folder"; done
cp ${SCRIPT} root/
before=$(($(df --output=size -B 1M . | tail -n 1)))
chroot . ${SCRIPT}
chroot . ${SCRIPT}
after=$(($(df --output=size -B 1M . | tail -n 1)))
echo "$before MiB became $after MiB"
[ "$before" -le 900 ]
[ "$after" -gt 1800 ]
cd /
umount --recursive --lazy /new
if ${hasVolume}; then vgchange --quiet --activate n sys && vgremove --quiet --yes sys; fi`;

const CASES: readonly [name: string, fileSystem: string, hasVolume: boolean][] = [
  ["xfs-on-lvm", "xfs", true],
  ["ext4-on-lvm", "ext4", true],
  ["xfs", "xfs", false],
  ["btrfs", "btrfs", false],
];

it("grows XFS, ext4 and btrfs, on partitions and on LVM's volumes", async () => {
  const template = await sandbox.template({
    name: "grow",
    base: {
      bootstrap: { suite: "bookworm", packages: ["lvm2", "xfsprogs", "btrfs-progs"] },
    },
    machine: { disks: [{ name: "data", size: "2G" }] },
    steps: CASES.map(([name, fileSystem, hasVolume]) => ({
      name,
      actions: [
        { upload: resolve("provisioners/05-grow-root.sh"), to: SCRIPT },
        { run: growScript(fileSystem, hasVolume) },
      ],
    })),
  });
  const ended = await sandbox.build(template, "--until", "btrfs").ended;
  requireDone(ended);
  expect(ended.stderr.match(/\d+ MiB became \d+ MiB/g)).toHaveLength(CASES.length);
});
