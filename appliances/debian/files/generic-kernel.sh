#!/usr/bin/env bash
# Replaces Debian's cloud kernel with the generic one, if necessary. The cloud kernel has no driver
# for AHCI, so it does not see cloud-init's CD on an IDE or SATA bus, where Proxmox attaches it.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
arch=$(dpkg --print-architecture)

# Prints the installed packages of cloud kernels.
cloud_kernels() {
  dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'linux-image-*' 2>/dev/null |
    sed -nE 's/^installed (linux-image-(.*-)?cloud-.*)$/\1/p'
}

if ! dpkg-query -W -f '${db:Status-Status}' "linux-image-$arch" 2>/dev/null | grep -qx installed; then
  apt-get update -q
  apt-get install -qy --no-install-recommends -o Acquire::Retries=3 "linux-image-$arch"
fi
mapfile -t cloud < <(cloud_kernels)
((${#cloud[@]} > 0)) || exit 0

# The running kernel can be removed: its modules are only needed again after the next boot.
readonly QUESTION=linux-base/removing-running-kernel
echo "linux-base $QUESTION boolean false" | debconf-set-selections
apt-get purge -qy "${cloud[@]}"
echo "RESET $QUESTION" | debconf-communicate >/dev/null
apt-get autoremove -qy --purge
