#!/usr/bin/env bash
# Updates the packages of the archive that 16-use-patches.sh has put in place, from it alone.
set -euo pipefail

if [[ -s /var/lib/dpkg/status ]]; then
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
  source=Dir::Etc::SourceList=/etc/apt/sources.list.d/vmbuild-patches.sources
  apt-get update -q -o "$source" -o Dir::Etc::SourceParts=/dev/null
  apt-get -qy -o "$source" -o Dir::Etc::SourceParts=/dev/null full-upgrade
elif command -v zypper >/dev/null; then
  zypper --non-interactive update --auto-agree-with-licenses --repo vmbuild-patches
else
  dnf -qy --disablerepo='*' --enablerepo=vmbuild-patches upgrade
fi
