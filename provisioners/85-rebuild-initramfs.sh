#!/usr/bin/env bash
# Rebuilds the initramfs of all kernels with the drivers of all machines, so that an image that was
# built in a virtual machine also starts on other hardware. Later kernels get the same.
#
#   85-rebuild-initramfs.sh            check for nvme, ahci and virtio_blk
#   85-rebuild-initramfs.sh DRIVER...  check for these drivers
#
# With dracut (RHEL, Rocky, SUSE) or initramfs-tools (Debian, Ubuntu). Fails if an initramfs lacks a
# driver that its kernel has as a module.
set -euo pipefail
shopt -s nullglob

die() {
  printf '85-rebuild-initramfs.sh: %s\n' "$*" >&2
  exit 1
}

drivers=("$@")
if ((${#drivers[@]} == 0)); then drivers=(nvme ahci virtio_blk); fi

rebuild_dracut() {
  mkdir -p /etc/dracut.conf.d
  printf '# Written by 85-rebuild-initramfs.sh.\nhostonly="no"\n' >/etc/dracut.conf.d/99-all-machines.conf
  local kernel
  for kernel in "${kernels[@]}"; do
    dracut --force --no-hostonly --kver "$kernel"
  done
}

rebuild_initramfs_tools() {
  mkdir -p /etc/initramfs-tools/conf.d
  # It is read after initramfs.conf, and after driver-policy of Debian's installer.
  printf '# Written by 85-rebuild-initramfs.sh.\nMODULES=most\n' >/etc/initramfs-tools/conf.d/zz-all-machines
  update-initramfs -u -k all
}

# Prints the files in the initramfs of a kernel.
list_initramfs() {
  local kernel=$1 file
  if [[ $kind == initramfs-tools ]]; then
    lsinitramfs "/boot/initrd.img-$kernel"
    return
  fi
  for file in "/boot/initramfs-$kernel.img" "/boot/initrd-$kernel" /boot/*/"$kernel"/initrd; do
    if [[ -s $file ]]; then
      lsinitrd "$file"
      return
    fi
  done
  lsinitrd --kver "$kernel"
}

# A driver that is built into the kernel is in no file of its own.
is_module() {
  local file
  file=$(modinfo -k "$1" -n "$2" 2>/dev/null) && [[ $file == /* ]]
}

check() {
  local kernel=$1 driver content
  content=$(list_initramfs "$kernel") || die "the initramfs of $kernel cannot be listed"
  for driver in "${drivers[@]}"; do
    is_module "$kernel" "$driver" || continue
    # File names have - or _ where the module's name has _.
    grep -qE "/${driver//_/[-_]}\.ko" <<<"$content" || die "the initramfs of $kernel lacks $driver"
  done
}

((EUID == 0)) || die "must run as root"
if command -v update-initramfs >/dev/null; then
  kind=initramfs-tools
elif command -v dracut >/dev/null; then
  kind=dracut
else
  die "this system has neither dracut nor initramfs-tools"
fi

kernels=()
for folder in /lib/modules/*/; do
  # Modules of a removed kernel may remain.
  if [[ -e $folder/modules.dep ]]; then kernels+=("$(basename "$folder")"); fi
done
((${#kernels[@]} > 0)) || die "there are no kernels in /lib/modules"
if [[ $kind == dracut ]]; then rebuild_dracut; else rebuild_initramfs_tools; fi
for kernel in "${kernels[@]}"; do check "$kernel"; done
printf 'Rebuilt for %s\n' "${kernels[*]}"
