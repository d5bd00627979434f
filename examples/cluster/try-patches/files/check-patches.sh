#!/usr/bin/env bash
# Fails if a package is older than in the archive, or if something still runs from an older one.
set -euo pipefail

die() {
  printf 'check-patches.sh: %s\n' "$@" >&2
  exit 1
}

# Prints the version of an installed package as packages.txt has it; kernels have several.
versions() {
  if [[ $3 == deb ]]; then
    dpkg-query -W -f '${Version}\n' "$1:$2" 2>/dev/null || dpkg-query -W -f '${Version}\n' "$1" 2>/dev/null || true
  else
    rpm -q --qf '%{EPOCHNUM}:%{VERSION}-%{RELEASE}\n' "$1.$2" | sed -n -e 's/^0://' -e '/-/p' | grep -v 'not installed' || true
  fi
}

behind=()
while IFS=$'\t' read -r name version arch type; do
  installed=$(versions "$name" "$arch" "$type")
  # What this image does not have, it does not need.
  [[ -n $installed ]] || continue
  grep -qxF -- "$version" <<<"$installed" || behind+=("$name $version, installed: $installed")
done </var/lib/vmbuild-patches.d/packages.txt
((${#behind[@]} == 0)) || die "these packages of the archive are not installed:" "${behind[@]}"

# Of yum-utils or dnf-utils; it exits with 1 if a restart is needed.
if command -v needs-restarting >/dev/null; then
  needs-restarting -r || die "the system needs another restart"
fi
[[ ! -e /run/reboot-required ]] || die "the system needs another restart: $(cat /run/reboot-required.pkgs)"
