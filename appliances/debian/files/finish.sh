#!/usr/bin/env bash
# Prepares a Debian cloud image for machines that are created from it: network and host name come
# from cloud-init, and kernel upgrades ask no questions.
set -euo pipefail
shopt -s nullglob

# Answers the questions of grub-pc, which otherwise asks for its disk when a kernel is removed.
if dpkg-query -W -f '${db:Status-Status}' grub-pc 2>/dev/null | grep -qx installed; then
  disk=/dev/vda
  if [[ ! -b $disk && -b /dev/sda ]]; then disk=/dev/sda; fi
  debconf-set-selections <<END
grub-pc grub-pc/install_devices multiselect $disk
grub-pc grub-pc/install_devices_empty boolean false
END
fi

# Modules for hardware that virtual machines do not have.
cat >/etc/modprobe.d/blacklist-vm.conf <<'END'
blacklist cfg80211
blacklist floppy
blacklist joydev
blacklist psmouse
blacklist pcspkr
END
update-initramfs -u -k all

# cloud-init's network configuration of this machine.
rm -f /etc/netplan/50-cloud-init.yaml /etc/network/interfaces.d/50-cloud-init* \
  /etc/systemd/network/10-cloud-init-*.network /etc/cloud/cloud.cfg.d/50-curtin-networking.cfg

# cloud-init sets the host name of each machine.
: >/etc/hostname
sed -i '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts
