#!/usr/bin/env bash
# Installs OpenNebula's contextualization package, one-context, on Debian and Ubuntu.
#
#   80-install-context.sh [PACKAGE]
#
# PACKAGE is a .deb file, the official ISO with the packages for all systems, or a folder with one
# of the two; the default is /context. Its type is recognized by content, not by name. /context is
# removed afterwards, because one-context would read it as a source of context at every boot.
#
# The package removes the network configuration: after a restart the guest has no network until it
# has a CONTEXT disk. The connection that runs this script stays up.
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

# Identifier of ISO 9660's first volume descriptor, in sector 16.
is_iso() { [[ $(dd if="$1" bs=1 skip=32769 count=5 status=none | tr -d '\0') == CD001 ]]; }
is_deb() { [[ $(head -c 7 "$1" | tr -d '\0') == '!<arch>' ]] && dpkg-deb --info "$1" >/dev/null; }

# Prints the package one-context; the ISO also has a variant for EC2.
only_deb_in() {
  local path found=()
  for path in "$1"/*.deb "$1"/*/*.deb; do
    if [[ $(dpkg-deb --field "$path" Package) == one-context ]]; then found+=("$path"); fi
  done
  ((${#found[@]} > 0)) || die "$1 does not contain the package one-context"
  ((${#found[@]} == 1)) || die "$1 contains several packages one-context: ${found[*]}"
  printf '%s\n' "${found[0]}"
}

# Prints the path of the package or ISO: SOURCE itself, or the only file in it.
package_file() {
  if [[ -f $SOURCE ]]; then
    printf '%s\n' "$SOURCE"
    return
  fi
  [[ -d $SOURCE ]] || die "$SOURCE does not exist"
  local files=("$SOURCE"/*)
  ((${#files[@]} > 0)) || die "$SOURCE is empty; upload the package one-context to it"
  ((${#files[@]} == 1)) || die "$SOURCE contains ${#files[@]} files instead of one package"
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

# Copies the package to a path that apt's own user can read and that apt accepts as a file.
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
# The package is meant to remove systemd-networkd's files too, but looks in another folder. A
# remaining file such as 90-dhcp.network would take precedence over the one for the context's
# address, which is named after the interface.
rm -f /etc/systemd/network/*.network

[[ $(dpkg-query -W -f '${db:Status-Abbrev}' one-context) == ii* ]] || die "one-context is not installed"
[[ -d /etc/one-context.d ]] || die "the package one-context did not create /etc/one-context.d"
for unit in one-context-local.service one-context.service; do
  systemctl is-enabled --quiet "$unit" || die "$unit is not enabled"
done
