#!/usr/bin/env bash
# Installs all pending updates, and removes packages that are no longer needed: with apt, dnf, yum
# or zypper. Configuration files that were changed locally are kept.
set -euo pipefail

die() {
  printf '10-upgrade.sh: %s\n' "$@" >&2
  exit 1
}

# An upgrade can succeed although packages were held back.
require_none() {
  [[ -z $1 ]] || die "updates are still pending:" "$1"
}

with_apt() {
  # needrestart would restart ssh during the upgrade and end the session.
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
  local options=(-qy -o Acquire::Retries=3 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)
  apt-get update -q
  apt-get "${options[@]}" full-upgrade
  apt-get "${options[@]}" --purge autoremove
  require_none "$(apt-get -qq --simulate full-upgrade | grep '^Inst' || true)"
}

# rpm itself keeps changed configuration files, and writes the package's beside them. Some systems
# and repositories are configured to be skipped, with their updates, where they cannot be reached.
with_dnf() {
  local dnf=("$1" -qy "--setopt=*.skip_if_unavailable=false") code=0 pending
  "${dnf[@]}" clean expire-cache
  "${dnf[@]}" upgrade
  "${dnf[@]}" autoremove
  # Exits with 100 where there are updates.
  pending=$("${dnf[@]}" check-update) || code=$?
  case $code in
    0) ;;
    100) require_none "$pending" ;;
    *) die "$1 check-update failed with exit code $code" "$pending" ;;
  esac
}

# 102 and 103 mean that it succeeded, and that the system or zypper should be restarted. Only --all
# lists updates that cannot be installed.
with_zypper() {
  local code=0
  zypper --non-interactive --quiet refresh
  for _ in 1 2; do
    code=0
    zypper --non-interactive --quiet update --auto-agree-with-licenses || code=$?
    [[ $code == 103 ]] || break
  done
  [[ $code == 0 || $code == 102 ]] || die "zypper update failed with exit code $code"
  require_none "$(zypper --non-interactive --quiet list-updates --all | grep '^v ' || true)"
}

if [[ -s /var/lib/dpkg/status ]] && command -v apt-get >/dev/null; then
  with_apt
elif command -v zypper >/dev/null; then
  with_zypper
elif command -v dnf >/dev/null; then
  with_dnf dnf
elif command -v yum >/dev/null; then
  with_dnf yum
else
  die "this system has neither apt, dnf, yum nor zypper"
fi
