#!/usr/bin/env bash
# Builds a project on another host, for `make remote-build PROJECT=NAME`. The variables are
# explained in the Makefile. The exit code is that of the run.
set -euo pipefail
cd "$(dirname "$0")/.."

die() {
  printf 'remote-build: %s\n' "$1" >&2
  exit 2
}

project=${PROJECT:-}
builder=${BUILDER:-}
ttl=${TTL:-4h}
vmbuild=${VMBUILD:-vmbuild}

[[ -n $project ]] || die 'PROJECT is not set. Use for example: make remote-build PROJECT=hello'
[[ $project =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || die "\"$project\" is not the name of a project"
template=projects/$project/$project.json
[[ -f $template ]] || die "$template does not exist"

if command -v "$vmbuild" >/dev/null; then
  arguments=(run "$template" --output "output/$project" --ttl "$ttl")
  [[ -z $builder ]] || arguments+=(--on "$builder")
  [[ ${INSTALL:-} != 1 ]] || arguments+=(--install)
  [[ ${DETACH:-} != 1 ]] || arguments+=(--detach)
  exec "$vmbuild" "${arguments[@]}"
fi

# The earlier way: the project is copied, and the run ends with the connection.
printf '%s\n' \
  'remote-build: deprecated: vmbuild is not installed on this host, so the project is copied with' \
  'rsync, and a lost connection ends the run. Install it: npm install -g vmbuild' >&2
[[ $builder == ssh://* ]] || die 'without vmbuild, BUILDER must be ssh://USER@HOST'
destination=${builder#ssh://}
destination=${destination%%/*}
[[ $destination =~ ^[A-Za-z0-9._@-]+$ && $destination != -* ]] ||
  die 'without vmbuild, BUILDER has no port or other options: use a Host of ssh_config'
folder=remote-builds/$project
# shellcheck disable=SC2029 # The names have no characters that the other shell interprets.
ssh "$destination" "mkdir -p $folder"
rsync --archive --delete --exclude output "projects/$project/" "$destination:$folder/"
# shellcheck disable=SC2029
ssh "$destination" "cd $folder && vmbuild run ./$project.json --output output --ttl ${ttl//[^0-9a-z]/}"
mkdir -p "output/$project"
rsync --archive --partial "$destination:$folder/output/" "output/$project/"
