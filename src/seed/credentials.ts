/**
 * Seed by systemd credentials: systemd 252 and later takes files from the SMBIOS table of type 11
 * (systemd(1), "SMBIOS Type 11") and creates them before any service starts. cloud-init finds no
 * data source and switches itself off.
 */
import { writeFileAtomic } from "../host/files.js";
import { PLACEHOLDER_HOSTNAME } from "./hostname.js";
import type { BuildKeys } from "./keys.js";
import { SETUP_WARNING } from "./kind.js";
import type { Seed } from "./kind.js";

/** Oldest version of systemd with the credential `tmpfiles.extra` (systemd.system-credentials(7)). */
const FIRST_VERSION = 252;
/** Oldest version with credentials that extend units (systemd-debug-generator(8)). */
const FIRST_VERSION_WITH_DROP_INS = 256;

/** Version of what the credentials do. Raised when earlier checkpoints cannot replace new ones. */
const FORMAT = 1;

/** Returns whether a version of systemd takes the build's keys. */
export function takesCredentials(systemd: number): boolean {
  return systemd >= FIRST_VERSION;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Returns a line of tmpfiles.d(5) that creates a file of root unless it exists. */
const fileLine = (path: string, mode: string, content: string): string =>
  `f~ ${path} ${mode} root root - ${base64(content)}`;

/**
 * Returns the string for the SMBIOS table. The public host key is one of the files because the seal
 * recognizes the build's host key by it.
 */
export function credentialString({ client, host }: BuildKeys): string {
  const lines = [
    "d /root/.ssh 0700 root root - -",
    fileLine("/root/.ssh/authorized_keys", "0600", `${client.public}\n`),
    fileLine("/etc/ssh/ssh_host_ed25519_key", "0600", host.private),
    fileLine("/etc/ssh/ssh_host_ed25519_key.pub", "0644", `${host.public}\n`),
    "",
  ];
  return `io.systemd.credential.binary:tmpfiles.extra=${base64(lines.join("\n"))}`;
}

/**
 * Stops Debian's unit that generates host keys at a first boot: they would remain in the image, and
 * each copy of it would have the same ones.
 */
const NO_KEY_GENERATION = `io.systemd.credential.binary:systemd.unit-dropin.sshd-keygen.service=${base64(
  "[Unit]\nConditionPathExists=/run/vmbuild/never\n",
)}`;

/**
 * Does what cloud-init does otherwise: extends the root partition and its file system to the disk,
 * and sets the host name. sfdisk also moves GPT's backup to the end of the disk. growpart does the
 * same with about thirty processes, three seconds in an emulated guest, and is used where the
 * programs of util-linux fail; it exits with 1 where nothing is to be done.
 */
const SETUP = `
extend_partition() {
  if command -v sfdisk && command -v partx; then
    printf ',+\\n' | sfdisk --quiet --no-reread --no-tell-kernel -N "$2" "/dev/$1" &&
      partx --update --nr "$2" "/dev/$1" && return
  fi
  growpart "/dev/$1" "$2" || [ $? = 1 ]
}
extend_file_system() {
  case $1 in
    xfs) xfs_growfs / ;;
    btrfs) btrfs filesystem resize max / ;;
    *) resize2fs "$2" ;;
  esac
}
grow_root() {
  read -r source type <<ROOT
$(findmnt -nvro SOURCE,FSTYPE /)
ROOT
  name=\${source#/dev/}
  read -r number <"/sys/class/block/$name/partition" || return
  disk=$(readlink -f "/sys/class/block/$name/..") || return
  extend_partition "\${disk##*/}" "$number" && extend_file_system "$type" "$source"
}
output=$(grow_root 2>&1) || echo ${SETUP_WARNING} The root file system could not be extended to the disk: $output
printf '%s\\n' ${PLACEHOLDER_HOSTNAME} >/etc/hostname
printf '%s' ${PLACEHOLDER_HOSTNAME} >/proc/sys/kernel/hostname
`;

/** Returns the seed for root of a system with this version of systemd. */
export function credentialsSeed(systemd: number): Seed {
  const hasDropIns = systemd >= FIRST_VERSION_WITH_DROP_INS;
  return {
    way: `systemd credentials (systemd ${systemd}), without cloud-init`,
    media: { smbios: true, ...(hasDropIns ? { smbiosValues: [NO_KEY_GENERATION] } : {}) },
    givesHostKey: true,
    appliesAtEachBoot: false,
    setup: SETUP,
    sudoRules: [],
    timeoutHint:
      'This base gets the build\'s keys from systemd credentials; "seed": { "kind": "cloud-init" } uses a NoCloud disk instead.',
    sealScript: () => "",
    describe: () => Promise.resolve({ seed: `systemd credentials, format ${FORMAT}` }),
    write: (keys, destination) => writeFileAtomic(destination, credentialString(keys), 0o600),
  };
}
