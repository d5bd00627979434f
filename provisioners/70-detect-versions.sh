#!/usr/bin/env bash
# Writes the versions of Debian and Proxmox VE to a file, as lines KEY=VALUE.
#
#   70-detect-versions.sh [FILE]     default: /run/image-version.txt
#
# The file always has both keys. DEBIAN_VERSION is the point release, such as 12.13; PVE_VERSION has
# two parts, such as 9.1, and is empty without Proxmox VE.
set -euo pipefail

readonly FILE=${1:-/run/image-version.txt}

die() {
  printf '70-detect-versions.sh: %s\n' "$*" >&2
  exit 1
}

# Prints the point release. Testing and unstable have a name instead of a number there.
debian_version() {
  local version
  version=$(</etc/debian_version)
  if [[ ! $version =~ ^[0-9]+(\.[0-9]+)+$ ]]; then
    # shellcheck source=/dev/null
    version=$(. /etc/os-release && printf %s "${VERSION_ID:-}")
  fi
  [[ $version =~ ^[0-9]+(\.[0-9]+)*$ ]] || die "this release of Debian has no version number"
  printf '%s\n' "$version"
}

# Prints the first two parts of the version of the package pve-manager.
pve_version() {
  local status version
  read -r status version < <(dpkg-query -W -f '${db:Status-Status} ${Version}' pve-manager 2>/dev/null) || true
  [[ ${status:-} == installed ]] || return 0
  [[ $version =~ ^([0-9]+\.[0-9]+) ]] || die "pve-manager has the unknown version $version"
  printf '%s\n' "${BASH_REMATCH[1]}"
}

debian=$(debian_version)
pve=$(pve_version)
printf 'DEBIAN_VERSION=%s\nPVE_VERSION=%s\n' "$debian" "$pve" | tee "$FILE"
