#!/usr/bin/env bash
# Installs OpenNebula's contextualization package, one-context, on Debian and Ubuntu.
#
#   80-install-context.sh [PACKAGE]
#
# PACKAGE is a .deb, the official ISO that holds every package, or a folder with one of the two;
# /context unless given. What it is, is told by its content, not by its name. /context is removed
# afterwards: one-context takes a folder of that name for a source of context at every boot.
#
# The package wipes the network configuration: until a machine has a CONTEXT disk, it has no
# network after a restart. The connection that runs this script stays up.
set -euo pipefail
shopt -s nullglob

readonly SOURCE=${1:-/context}
WORK=$(mktemp -d)
readonly WORK

die() {
  printf '80-install-context.sh: %s\n' "$*" >&2
  exit 1
}

finish() {
  if mountpoint -q "$WORK/iso"; then umount "$WORK/iso"; fi
  rm -rf "$WORK"
}
trap finish EXIT

# ISO 9660 has this mark at the start of its first descriptor, in sector 16.
is_iso() { [[ $(dd if="$1" bs=1 skip=32769 count=5 status=none | tr -d '\0') == CD001 ]]; }
is_deb() { [[ $(head -c 7 "$1" | tr -d '\0') == '!<arch>' ]] && dpkg-deb --info "$1" >/dev/null; }

# The one package for plain OpenNebula; the ISO also has a variant for EC2.
only_deb_in() {
  local path found=()
  for path in "$1"/*.deb "$1"/*/*.deb; do
    if [[ $(dpkg-deb --field "$path" Package) == one-context ]]; then found+=("$path"); fi
  done
  ((${#found[@]} > 0)) || die "there is no package one-context in $1"
  ((${#found[@]} == 1)) || die "there are several packages one-context in $1: ${found[*]}"
  printf '%s\n' "${found[0]}"
}

# The file to look at: SOURCE itself, or what lies in it.
package_file() {
  if [[ -f $SOURCE ]]; then
    printf '%s\n' "$SOURCE"
    return
  fi
  [[ -d $SOURCE ]] || die "there is no $SOURCE"
  local files=("$SOURCE"/*)
  ((${#files[@]} > 0)) || die "$SOURCE is empty: no package was put there"
  ((${#files[@]} == 1)) || die "$SOURCE holds ${#files[@]} files, not one package"
  printf '%s\n' "${files[0]}"
}

find_deb() {
  local file
  file=$(package_file)
  if is_deb "$file"; then
    printf '%s\n' "$file"
  elif is_iso "$file"; then
    mkdir "$WORK/iso"
    mount -o loop,ro "$file" "$WORK/iso"
    only_deb_in "$WORK/iso"
  else
    die "$file is neither a Debian package nor an ISO image"
  fi
}

# Where apt's own user can read it, under a name that apt takes for a path.
deb=$(find_deb)
chmod 0755 "$WORK"
install -m 0644 "$deb" "$WORK/one-context.deb"
name=$(dpkg-deb --field "$WORK/one-context.deb" Package)
[[ $name == one-context ]] || die "$deb is the package $name, not one-context"
printf 'Installing one-context %s\n' "$(dpkg-deb --field "$WORK/one-context.deb" Version)"

# needrestart would restart ssh in the middle of the installation and end the session.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
apt-get update -q
apt-get install -qy --no-install-recommends -o Acquire::Retries=3 "$WORK/one-context.deb"
if [[ -d /context ]]; then rm -rf /context; fi
# The package means to wipe systemd-networkd's files too, and looks for them in another folder. One
# that is left, such as 90-dhcp.network, comes before the one that the context's address goes into,
# which is named after the interface, and wins.
rm -f /etc/systemd/network/*.network

[[ $(dpkg-query -W -f '${db:Status-Abbrev}' one-context) == ii* ]] || die "one-context is not installed"
[[ -d /etc/one-context.d ]] || die "one-context brought no /etc/one-context.d"
for unit in one-context-local.service one-context.service; do
  systemctl is-enabled --quiet "$unit" || die "$unit is not enabled"
done
