#!/usr/bin/env bash
# Installs all pending updates of Debian and Ubuntu, and removes packages that are no longer needed.
# Configuration files that were changed locally are kept.
set -euo pipefail

# needrestart would restart ssh during the upgrade and end the session.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
options=(-qy -o Acquire::Retries=3 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)

apt-get update -q
apt-get "${options[@]}" full-upgrade
apt-get "${options[@]}" --purge autoremove

# An upgrade can succeed although packages were held back.
pending=$(apt-get -qq --simulate full-upgrade | grep '^Inst' || true)
[[ -z $pending ]] || {
  printf '10-upgrade.sh: updates are still pending:\n%s\n' "$pending" >&2
  exit 1
}
