#!/usr/bin/env bash
# Installs Proxmox VE after the restart into its kernel, and removes what conflicts with it.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
debconf-set-selections <<END
postfix postfix/main_mailer_type select Local only
postfix postfix/mailname string $(hostname)
END

/usr/local/sbin/pve-hosts
apt-get update -q
apt-get install -qy -o Acquire::Retries=3 proxmox-ve postfix open-iscsi chrony

# os-prober would add the systems of guests' disks to the boot menu. Debian's kernels are replaced.
mapfile -t obsolete < <(
  dpkg-query -W -f '${db:Status-Status} ${Package}\n' os-prober 'linux-image-*' 2>/dev/null |
    sed -n 's/^installed //p'
)
if ((${#obsolete[@]} > 0)); then apt-get purge -qy "${obsolete[@]}"; fi
apt-get autoremove -qy --purge
if command -v update-grub >/dev/null; then update-grub; fi
