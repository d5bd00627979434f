#!/usr/bin/env bash
# Replaces the repositories of a system of rpm packages by those of a mirror, and restores them.
#
#   15-use-mirror.sh FOLDER -- COMMAND...   run a command meanwhile; restore them after it, also
#                                           where it fails or is ended
#   15-use-mirror.sh --enable FOLDER        replace them until they are restored
#   15-use-mirror.sh --restore              restore them; does nothing where they are in place
#   15-use-mirror.sh --check                fail while they are replaced
#
# FOLDER contains the mirror's .repo files. Repositories that a package or a command adds meanwhile
# stay; where it changes one of the originals, the original wins.
set -euo pipefail
shopt -s nullglob

if [[ -d /etc/zypp/repos.d ]]; then repos=/etc/zypp/repos.d; else repos=/etc/yum.repos.d; fi
saved=$repos.original
# Names of the mirror's files, one per line.
names=$saved/.mirror

die() {
  printf '15-use-mirror.sh: %s\n' "$*" >&2
  exit 1
}

restore() {
  [[ -d $saved ]] || return 0
  local name file
  while IFS= read -r name; do
    rm -f -- "$repos/$name"
  done <"$names"
  for file in "$saved"/*; do cp -a -- "$file" "$repos/"; done
  # From here on, the originals are in place, even if this is the last command that runs.
  rm -rf -- "$saved"
}

enable() {
  local folder=$1 file
  local -a files=("$folder"/*.repo)
  [[ -d $folder ]] || die "$folder is not a folder"
  ((${#files[@]} > 0)) || die "$folder contains no .repo files"
  [[ -d $repos ]] || die "$repos does not exist: this system has neither dnf, yum nor zypper"
  # A run that was killed has left the mirror in place.
  restore
  rm -rf -- "$saved.new"
  mkdir -m 700 -- "$saved.new"
  for file in "$repos"/*; do cp -a -- "$file" "$saved.new/"; done
  for file in "${files[@]}"; do printf '%s\n' "${file##*/}"; done >"$saved.new/.mirror"
  mv -- "$saved.new" "$saved"
  for file in "$repos"/*.repo; do rm -f -- "$file"; done
  for file in "${files[@]}"; do
    cp -- "$file" "$repos/"
    chmod 644 -- "$repos/${file##*/}"
  done
  # A file of /tmp or of a user has another context.
  if command -v restorecon >/dev/null; then restorecon -R "$repos" || true; fi
}

((EUID == 0)) || die "must run as root"
case ${1:-} in
  --enable)
    (($# == 2)) || die "--enable takes one folder"
    enable "$2"
    ;;
  --restore) restore ;;
  --check) [[ ! -d $saved ]] || die "the repositories of a mirror are in place; run it with --restore" ;;
  '' | -*) die "usage: 15-use-mirror.sh FOLDER -- COMMAND..., --enable FOLDER, --restore or --check" ;;
  *)
    [[ ${2:-} == -- && $# -gt 2 ]] || die "a command is missing: 15-use-mirror.sh FOLDER -- COMMAND..."
    trap restore EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    enable "$1"
    "${@:3}"
    ;;
esac
