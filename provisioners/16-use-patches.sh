#!/usr/bin/env bash
# Uses an archive of patches, as `vmbuild run --create-patches` makes it, as a repository.
#
#   16-use-patches.sh ARCHIVE [SHA256]   check it, unpack it and add it to the repositories
#   16-use-patches.sh --restore          remove it; does nothing where it is not in place
#   16-use-patches.sh --check            fail while it is in place
#
# ARCHIVE is a file or an http(s) address. It must have the sha256, or PATCHES_KEY must be a file with
# the public key that signed it. Its packages are preferred to those of other repositories, also to
# newer ones. The signatures of rpm packages are checked when they are installed.
#
#   PATCHES_KEY=FILE            public key (OpenPGP) of the archive
#   PATCHES_PACKAGE_KEYS=FILE…  public keys of rpm packages; all in /etc/pki/rpm-gpg unless given
#   PATCHES_UNSIGNED=yes        install rpm packages without a signature
#
# Wheels are in /var/lib/vmbuild-patches.d/wheels:
#   pip install --no-index --find-links /var/lib/vmbuild-patches.d/wheels -r …/wheels/requirements.txt
set -euo pipefail
shopt -s nullglob
export LC_ALL=C

# A folder of its own, which apt's own user can read.
place=/var/lib/vmbuild-patches.d
yum_repo=/etc/yum.repos.d/vmbuild-patches.repo
zypp_repo=/etc/zypp/repos.d/vmbuild-patches.repo
apt_source=/etc/apt/sources.list.d/vmbuild-patches.sources
apt_pin=/etc/apt/preferences.d/vmbuild-patches
apt_key=/etc/apt/vmbuild-patches.gpg
work=""

die() {
  printf '16-use-patches.sh: %s\n' "$@" >&2
  exit 1
}

finish() {
  [[ -z $work ]] || rm -rf -- "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

restore() {
  rm -f -- "$yum_repo" "$zypp_repo" "$apt_source" "$apt_pin" "$apt_key"
  rm -rf -- "$place"
  # What was read of it: dnf would use it for an archive that comes within the same second.
  rm -rf -- /var/cache/dnf/vmbuild-patches* /var/cache/yum/*/*/vmbuild-patches \
    /var/cache/zypp/{raw,solv,packages}/vmbuild-patches
}

is_in_place() {
  local path
  for path in "$place" "$yum_repo" "$zypp_repo" "$apt_source" "$apt_pin" "$apt_key"; do
    if [[ -e $path ]]; then return 0; fi
  done
  return 1
}

# Sets archive to a file with the content.
fetch() {
  case $1 in
    http://* | https://*)
      archive=$work/patches.tgz
      if command -v curl >/dev/null; then
        curl -fsSL --retry 3 -o "$archive" -- "$1" || die "$1 cannot be downloaded"
      elif command -v wget >/dev/null; then
        wget -q -O "$archive" -- "$1" || die "$1 cannot be downloaded"
      else
        die "neither curl nor wget is installed, which $1 needs"
      fi
      ;;
    *)
      [[ -f $1 ]] || die "$1 is not a file"
      archive=$1
      ;;
  esac
}

check_sum() {
  local expected=${1#sha256:} found
  [[ $expected =~ ^[0-9a-fA-F]{64}$ ]] || die "$1 is not a sha256"
  found=$(sha256sum <"$archive" | cut -d ' ' -f 1)
  [[ $found == "${expected,,}" ]] || die "the archive is not the one that was published" \
    "its sha256 is $found" "and should be  ${expected,,}"
}

# Unpacks files and folders only, which are all below one folder. Sets content to it.
unpack() {
  local listed
  listed=$(tar --numeric-owner -tvzf "$archive") || die "$1 is not a tar archive that gzip compressed"
  if grep -q '^[^-d]' <<<"$listed"; then die "$1 contains links or devices"; fi
  tar -tzf "$archive" >"$work/names"
  if grep -qE '^/|(^|/)\.\.(/|$)' "$work/names"; then die "$1 contains a path outside of its folder"; fi
  mkdir -- "$work/content"
  tar -xzf "$archive" -C "$work/content" --no-same-owner --no-same-permissions
  local entries=("$work/content"/* "$work/content"/.[!.]*)
  if ((${#entries[@]} != 1)) || [[ ! -d ${entries[0]} ]]; then die "$1 does not consist of one folder"; fi
  content=${entries[0]}
}

# Writes a public key without its armor, as gpgv and apt read it.
dearmor() {
  if grep -q '^-----BEGIN PGP PUBLIC KEY BLOCK-----' "$1"; then
    awk '/^-----BEGIN/ { on = 1; next } /^-----END/ || /^=/ { on = 0 } on && body { print } on && /^\r?$/ { body = 1 }' "$1" |
      base64 -d --ignore-garbage
  else
    cat -- "$1"
  fi
}

check_signature() {
  local verify
  verify=$(command -v gpgv || command -v gpgv2) || die "gpgv is not installed, which PATCHES_KEY needs"
  [[ -f $PATCHES_KEY ]] || die "PATCHES_KEY: $PATCHES_KEY is not a file"
  dearmor "$PATCHES_KEY" >"$work/key.gpg"
  [[ -f $content/SHA256SUMS.asc ]] || die "$1 is not signed"
  "$verify" --quiet --keyring "$work/key.gpg" "$content/SHA256SUMS.asc" "$content/SHA256SUMS" \
    2>"$work/gpgv" || die "the signature of $1 is not valid" "$(<"$work/gpgv")"
}

# Requires the files that SHA256SUMS lists, unchanged, and no others.
check_content() {
  local file=$content/SHA256SUMS
  [[ -f $file ]] || die "$1 has no SHA256SUMS"
  (cd "$content" && sha256sum --check --strict --quiet SHA256SUMS) >"$work/sums" 2>&1 ||
    die "$1 was altered" "$(<"$work/sums")"
  (cd "$content" && find . -type f ! -path ./SHA256SUMS ! -path ./SHA256SUMS.asc -printf '%P\n' | sort) >"$work/found"
  sed 's/^[0-9a-f]* [ *]//' "$file" | sort | comm -13 - "$work/found" >"$work/more"
  [[ ! -s $work/more ]] || die "$1 contains files that its SHA256SUMS does not list" "$(<"$work/more")"
}

write_rpm_repository() {
  local keys gpgcheck=1
  keys=${PATCHES_PACKAGE_KEYS:-$(printf '%s ' /etc/pki/rpm-gpg/*)}
  if [[ ${PATCHES_UNSIGNED:-} == yes ]]; then gpgcheck=0; fi
  # module_hotfixes: an update of a module's package is not hidden by the stream that is enabled.
  cat >"$1" <<REPOSITORY
[vmbuild-patches]
name=Patches of a release
baseurl=$2$place
enabled=1
gpgcheck=$gpgcheck
gpgkey=$(for key in $keys; do printf 'file://%s ' "$key"; done)
priority=10
module_hotfixes=1
skip_if_unavailable=0
metadata_expire=1
REPOSITORY
  # zypper does not otherwise read a repository without a signature of its own: its content was checked.
  if [[ $1 == "$zypp_repo" ]]; then printf 'repo_gpgcheck=0\npkg_gpgcheck=%s\n' "$gpgcheck" >>"$1"; fi
  chmod 644 -- "$1"
  if command -v restorecon >/dev/null; then restorecon "$1" || true; fi
}

# apt has a signature to check only where the archive has one; its content was checked in any case.
write_apt_repository() {
  local trust='Trusted: yes'
  if [[ -n ${PATCHES_KEY:-} && -f $place/InRelease ]]; then
    install -m 644 -- "$work/key.gpg" "$apt_key"
    trust="Signed-By: $apt_key"
  fi
  printf 'Types: deb\nURIs: file:%s\nSuites: ./\n%s\n' "$place" "$trust" >"$apt_source"
  # Above all repositories, and below what would replace a newer version that is installed.
  printf 'Package: *\nPin: release l=vmbuild-patches\nPin-Priority: 995\n' >"$apt_pin"
  chmod 644 -- "$apt_source" "$apt_pin"
}

use() {
  local given=$1 sum=${2:-}
  [[ -n $sum || -n ${PATCHES_KEY:-} ]] || die "the sha256 of the archive, or PATCHES_KEY, is missing"
  work=$(mktemp -d /var/tmp/use-patches.XXXXXXXX)
  fetch "$given"
  if [[ -n $sum ]]; then check_sum "$sum"; fi
  unpack "$given"
  if [[ -n ${PATCHES_KEY:-} ]]; then check_signature "$given"; fi
  check_content "$given"
  restore
  mkdir -m 755 -- "$place"
  cp -R -- "$content/." "$place/"
  chmod -R u=rwX,go=rX -- "$place"
  if [[ -f $place/Packages && -d /etc/apt/sources.list.d ]]; then
    write_apt_repository
  elif [[ -d $place/repodata && -d /etc/zypp/repos.d ]]; then
    write_rpm_repository "$zypp_repo" dir://
  elif [[ -d $place/repodata && -d /etc/yum.repos.d ]]; then
    write_rpm_repository "$yum_repo" file://
  else
    restore
    die "$given contains no repository for the package manager of this system"
  fi
}

((EUID == 0)) || die "must run as root"
case ${1:-} in
  --restore) restore ;;
  --check) ! is_in_place || die "an archive of patches is in place; run it with --restore" ;;
  '' | -*) die "usage: 16-use-patches.sh ARCHIVE [SHA256], --restore or --check" ;;
  *)
    (($# <= 2)) || die "it takes an archive and its sha256"
    use "$@"
    ;;
esac
