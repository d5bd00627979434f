#!/usr/bin/env bash
# Builds one of the images of this repository, as it did with Packer.
#
#   ./build.sh DIR --release RELEASE [--skip-commit] [--debug]
#   ./build.sh DIR --create-patches  [--skip-commit] [--debug]
#
# Exits with 1 if the image is not built. VMBUILD names another command in place of vmbuild.
set -euo pipefail

usage() {
  cat >&2 <<'USAGE'
Usage: ./build.sh <dir> --release <release> [--create-patches] [--skip-commit] [--debug]

  <dir>               directory of an image, such as rocky8-base/
  --release <release> release of security patches to use, such as 2.4.0
  --create-patches    use all present updates, and make an archive of them; --release is ignored
  --skip-commit       ignore uncommitted changes; the image gets a -dirty suffix
  --debug             step through the build; log in with the command that is shown
USAGE
  exit 1
}

fail() {
  printf 'build.sh: %s\n' "$1" >&2
  exit 1
}

dir='' release='' create_patches='' skip_commit='' debug=''
while (($#)); do
  case $1 in
    --release)
      (($# > 1)) || fail "--release requires a value, such as 2.4.0"
      release=$2
      shift
      ;;
    --release=*) release=${1#*=} ;;
    --create-patches) create_patches=yes ;;
    --skip-commit) skip_commit=yes ;;
    --debug) debug=yes ;;
    -h | --help) usage ;;
    -*) fail "unknown option: $1" ;;
    *)
      [[ -z $dir ]] || usage
      dir=$1
      ;;
  esac
  shift
done

[[ -n $dir ]] || usage
[[ -n $create_patches || -n $release ]] || usage
[[ -d $dir ]] || fail "$dir is not a directory"
dir=$(cd "$dir" && pwd)
name=$(basename "$dir")
[[ -f $dir/$name.json ]] || fail "$dir has no $name.json"

# The manifest is in the directory of the image, and paths of the template are relative to it.
cd "$dir"
if [[ -z $skip_commit ]]; then
  changes=$(git -c status.relativePaths=false status --short --untracked-files=no) || exit 1
  if [[ -n $changes ]]; then
    printf '%s\n' "$changes" "build.sh requires a clean git state to run" \
      "(to ignore this check, use --skip-commit, which will produce images with a -dirty suffix)" >&2
    exit 1
  fi
fi

options=()
if [[ -n $create_patches ]]; then
  options+=(--create-patches)
else
  options+=(--release "$release")
fi
[[ -z $skip_commit ]] || options+=(--skip-commit)
[[ -z $debug ]] || options+=(--debug)

"${VMBUILD:-vmbuild}" run "./$name.json" "${options[@]}" || exit 1
