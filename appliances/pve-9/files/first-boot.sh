#!/usr/bin/env bash
# Prepares the first boot of a machine with Proxmox VE: its network, its package sources, and the
# mark by which its configuration management skips the installation of the packages.
set -euo pipefail

systemctl enable pve-interfaces.service

# The subscription repository rejects hosts without a subscription. The configuration management
# adds the repository that the machine is to use.
rm -f /etc/apt/sources.list.d/{pve-enterprise,ceph}.{sources,list} \
  /etc/apt/sources.list.d/pve-install-repo.sources

# Network configuration of the build's machine.
rm -f /etc/network/interfaces.d/*

touch /etc/pve-packages-preinstalled
