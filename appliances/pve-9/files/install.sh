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

# Prints those of the packages that are installed.
installed() {
  dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p'
}

# os-prober would add the systems on the disks of guests to the boot menu. Debian's kernels are
# replaced by Proxmox's.
mapfile -t obsolete < <(
  installed os-prober || true
  if compgen -G '/boot/vmlinuz-*-pve' >/dev/null; then installed 'linux-image-*' || true; fi
)
if ((${#obsolete[@]} > 0)); then apt-get purge -qy "${obsolete[@]}"; fi
apt-get autoremove -qy --purge
if command -v update-grub >/dev/null; then update-grub; fi
