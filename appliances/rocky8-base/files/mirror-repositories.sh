#!/usr/bin/env bash
# Writes mirror.repo with the repositories of a mirror to a folder.
#
#   MIRROR=URL RELEASE=2.4.0 CREATE_PATCHES=false mirror-repositories.sh FOLDER
set -euo pipefail

folder=$1
mkdir -p "$folder"

repository() {
  local id=$1 path=$2 priority=$3
  cat <<REPOSITORY
[mirror-$id]
name=Mirror of $id
baseurl=${MIRROR%/}/$path/
enabled=1
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-rockyofficial
priority=$priority
skip_if_unavailable=0
module_hotfixes=${4:-0}

REPOSITORY
}

{
  repository baseos BaseOS 50
  repository appstream AppStream 50
  repository extras extras 50
  # A build that collects the patches of the next release takes all present updates instead; another
  # may have an archive of patches.
  if [[ ${CREATE_PATCHES:-false} != true && -z ${PATCHES:-} ]]; then repository patches "patches/$RELEASE" 10 1; fi
} >"$folder/mirror.repo"
