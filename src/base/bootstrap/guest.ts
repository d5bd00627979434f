/**
 * Defines the files that are written to the root file system besides the packages, and the scripts
 * for them.
 */
import { shellQuote } from "../../host/programs.js";
import type { Architecture, DebianPort } from "../../machine/architectures/architecture.js";
import type { Layout } from "./layout.js";

/**
 * Kernel arguments. The last `console=` becomes /dev/console: the serial line, which the console
 * log records.
 */
const kernelArguments = ({ console }: GuestArchitecture): string =>
  `console=tty0 console=${console},115200`;

/** What the files of a base need to know of its architecture. */
export type GuestArchitecture = Pick<Architecture, "console" | "debian">;

/** Sets up GRUB's serial terminal, where it uses it. */
const SERIAL_COMMAND = "serial --unit=0 --speed=115200";

const usesSerial = ({ grubTerminals }: DebianPort): boolean => grubTerminals.includes("serial");

/** Folder in the tree with results for the host, until they are copied out. */
export const OUTPUT_FOLDER = "/.vmbuild-out";

/** Returns the files of the image by path. Their mode is 0644. */
export function guestFiles(
  layout: Layout,
  architecture: GuestArchitecture,
): Record<string, string> {
  const { debian } = architecture;
  return {
    "/etc/fstab": [
      `UUID=${layout.rootUuid} / ext4 errors=remount-ro 0 1`,
      // Needed only for updates of the boot loader, after `mount /boot/efi`.
      `PARTUUID=${layout.espPartitionUuid} /boot/efi vfat umask=0077,noauto 0 0`,
      "",
    ].join("\n"),
    "/etc/hostname": "debian\n",
    "/etc/hosts": [
      "127.0.0.1 localhost",
      "::1 localhost ip6-localhost ip6-loopback",
      "ff02::1 ip6-allnodes",
      "ff02::2 ip6-allrouters",
      "",
    ].join("\n"),
    // Downloading translated descriptions takes longer than the package list itself.
    "/etc/apt/apt.conf.d/50-vmbuild": 'Acquire::Languages "none";\n',
    "/etc/default/locale": "LANG=C.UTF-8\n",
    "/etc/default/grub.d/50-vmbuild.cfg": [
      "# A virtual machine: nobody waits at the menu, and the console is a serial line too.",
      "GRUB_TIMEOUT=0",
      "GRUB_DISTRIBUTOR=Debian",
      'GRUB_CMDLINE_LINUX_DEFAULT=""',
      `GRUB_CMDLINE_LINUX="${kernelArguments(architecture)}"`,
      `GRUB_TERMINAL="${debian.grubTerminals.join(" ")}"`,
      ...(usesSerial(debian) ? [`GRUB_SERIAL_COMMAND="${SERIAL_COMMAND}"`] : []),
      "GRUB_DISABLE_OS_PROBER=true",
      "",
    ].join("\n"),
    // Configures the network also where cloud-init has been removed; cloud-init's own file sorts
    // first.
    "/etc/systemd/network/90-default-dhcp.network": [
      "[Match]",
      "Name=en* eth*",
      "",
      "[Network]",
      "DHCP=yes",
      "",
    ].join("\n"),
    "/etc/cloud/cloud.cfg.d/90-vmbuild.cfg": [
      "# ds-identify picks the first one that is there; None lets the boot go on without any.",
      "datasource_list: [NoCloud, ConfigDrive, OpenNebula, OpenStack, Ec2, None]",
      "",
    ].join("\n"),
    // cloud-config's modules may take long and do not affect SSH, so they run after it is ready.
    "/etc/systemd/system/cloud-config.service.d/after-ssh.conf": [
      "[Unit]",
      "After=ssh.service",
      "",
    ].join("\n"),
  };
}

/** GRUB modules in its images that are needed to read the menu from ext4 on GPT. */
const MODULES = [
  ...["part_gpt", "part_msdos", "ext2", "search", "search_fs_uuid", "normal", "configfile"],
  ...["linux", "echo", "test", "minicmd", "serial", "terminal", "gzio", "reboot", "halt"],
];

/** Returns the modules for one architecture. */
const modulesFor = (port: DebianPort): string =>
  MODULES.filter((name) => name !== "serial" || usesSerial(port)).join(" ");

/** Returns the first menu; `update-grub` in the guest replaces it by a longer one. */
function grubMenu(layout: Layout, architecture: GuestArchitecture): string {
  const { debian } = architecture;
  return [
    "set default=0",
    "set timeout=0",
    ...(usesSerial(debian) ? [SERIAL_COMMAND] : []),
    `terminal_output ${debian.grubTerminals.join(" ")}`,
    `search --no-floppy --fs-uuid --set=root ${layout.rootUuid}`,
    "menuentry 'Debian GNU/Linux' {",
    `  linux /boot/@IMAGE@ root=UUID=${layout.rootUuid} ro ${kernelArguments(architecture)}`,
    "  initrd /boot/initrd.img-@KERNEL@",
    "}",
    "",
  ].join("\n");
}

/**
 * Returns the script that writes the files. It is run by `sh -e` outside the tree, with the tree's
 * path as $1.
 */
export function writeFilesScript(layout: Layout, architecture: GuestArchitecture): string {
  const writes = Object.entries(guestFiles(layout, architecture)).map(
    ([path, content]) =>
      `printf %s ${shellQuote(content)} | install -D -m 0644 /dev/stdin "$1"${path}`,
  );
  return writes.join("\n");
}

/**
 * Returns the commands that provide the signed shim and GRUB for secure boot; undefined without it.
 * The signed GRUB reads `/EFI/debian/grub.cfg` of the EFI partition.
 */
function signedLoader(port: DebianPort, secureBoot: boolean): string | undefined {
  const { efiLoader, signedLoaders } = port;
  if (!secureBoot || !signedLoaders) return undefined;
  const files = Object.entries({ [efiLoader]: signedLoaders.shim, ...signedLoaders.beside });
  return [
    ...files.map(([name, path]) => `cp ${path} ${OUTPUT_FOLDER}/${name}`),
    `{ cat ${OUTPUT_FOLDER}/early.cfg; echo 'configfile $prefix/grub.cfg'; } > ${OUTPUT_FOLDER}/grub.cfg`,
  ].join("\n");
}

/**
 * Returns the script that creates initramfs, boot loader and facts for the host. It is run by `sh
 * -e` inside the tree.
 */
export function finishScript(
  layout: Layout,
  architecture: GuestArchitecture,
  { secureBoot = false } = {},
): string {
  const { debian } = architecture;
  const { biosPlatform, efiPlatform, efiLoader } = debian;
  const early = [`search.fs_uuid ${layout.rootUuid} root`, "set prefix=($root)/boot/grub", ""].join(
    "\n",
  );
  const platforms = [...(biosPlatform === undefined ? [] : [biosPlatform]), efiPlatform];
  const all = modulesFor(debian);
  const mkimage = (platform: string, output: string, modules = all): string =>
    `grub-mkimage -O ${platform} -c ${OUTPUT_FOLDER}/early.cfg -p /boot/grub -o ${OUTPUT_FOLDER}/${output} ${modules}`;
  const forBios =
    biosPlatform === undefined
      ? []
      : [
          mkimage(biosPlatform, "core.img", `biosdisk ${all}`),
          `cp /usr/lib/grub/${biosPlatform}/boot.img ${OUTPUT_FOLDER}/boot.img`,
        ];
  // Kernels that are not compressed are called vmlinux.
  return `kernel=$(ls /boot | sed -n 's/^vmlinu[xz]-//p' | sort -V | tail -n 1)
test -n "$kernel"
image=$(cd /boot && ls vmlinu[xz]-"$kernel")
unset INITRD
update-initramfs -c -k "$kernel"
mkdir -p ${OUTPUT_FOLDER} /boot/grub /boot/efi
printf %s ${shellQuote(early)} > ${OUTPUT_FOLDER}/early.cfg
printf %s ${shellQuote(grubMenu(layout, architecture))} | sed "s/@KERNEL@/$kernel/g; s/@IMAGE@/$image/g" > /boot/grub/grub.cfg
chmod 0600 /boot/grub/grub.cfg
for platform in ${platforms.join(" ")}; do
  mkdir -p /boot/grub/$platform
  cp /usr/lib/grub/$platform/*.mod /usr/lib/grub/$platform/*.lst /boot/grub/$platform/
done
${[...forBios, signedLoader(debian, secureBoot) ?? mkimage(efiPlatform, efiLoader)].join("\n")}
dpkg-query -W -f '\${Package}=\${Version}\\n' > ${OUTPUT_FOLDER}/packages
printf %s "$kernel" > ${OUTPUT_FOLDER}/kernel
systemctl --quiet enable systemd-networkd.service systemd-resolved.service
# Looks for LVM snapshots at each boot; there is no LVM.
systemctl --quiet disable e2scrub_reap.service e2scrub_all.timer
chmod -R a+rX ${OUTPUT_FOLDER}`;
}

/**
 * Returns the script that removes what must not be in an image. It is run by `sh -e` with the
 * tree's path as $1.
 */
export function cleanUpScript(): string {
  return `rm -rf "$1"${OUTPUT_FOLDER}
rm -f "$1"/etc/ssh/ssh_host_*_key "$1"/etc/ssh/ssh_host_*_key.pub
rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -f "$1"/var/lib/systemd/random-seed "$1"/var/lib/systemd/credential.secret
rm -f "$1"/etc/resolv.conf
ln -s ../run/systemd/resolve/stub-resolv.conf "$1"/etc/resolv.conf
rm -rf "$1"/var/lib/cloud/instance "$1"/var/lib/cloud/instances
find "$1"/var/log -type f -delete
find "$1"/var/cache/debconf -name '*-old' -delete`;
}
