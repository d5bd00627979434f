#!/usr/bin/env bash
# Collects the updates that a build installs, as a repository that later builds and machines use.
#
#   70-collect-patches.sh --begin            before the updates: record what is installed
#   70-collect-patches.sh --collect FOLDER   after all packages are installed: fill the folder
#
# The folder gets the newest package of each name and architecture that was updated or added since
# --begin, as a repository of dnf and zypper (repodata/) or of apt (Packages, Release), and
#
#   packages.txt             name, version, architecture and type of each package, with tabs
#   security_advisories.txt  the advisories that the updates fix; with apt, the CVEs in changelogs
#   wheels/                  Python wheels for PATCHES_REQUIREMENTS, and requirements.txt
#   SHA256SUMS               sums of all files, in the format of sha256sum
#
#   PATCHES_REQUIREMENTS=FILE   collect the wheels of this file of pip
#   PATCHES_PIP="python3 -m pip"   command of pip
#   PATCHES_UNSIGNED=yes        accept rpm packages without a signature
#
# The repositories of the updates must be in place, and the lists and caches of the package manager
# must be there: collect before they are cleaned. createrepo_c is installed for the time of the call
# where it is missing.
set -euo pipefail
shopt -s nullglob
export LC_ALL=C

state=/var/lib/vmbuild-patches
work=""
added_createrepo=""

die() {
  printf '70-collect-patches.sh: %s\n' "$@" >&2
  exit 1
}

finish() {
  [[ -z $work ]] || rm -rf -- "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

find_manager() {
  local name
  if [[ -s /var/lib/dpkg/status ]] && command -v apt-get >/dev/null; then
    manager=apt
    return
  fi
  for name in zypper dnf yum; do
    if command -v "$name" >/dev/null; then
      manager=$name
      return
    fi
  done
  die "this system has neither apt, dnf, yum nor zypper"
}

# Prints name, version, architecture and type of all installed packages, with tabs.
list_installed() {
  if [[ $manager == apt ]]; then
    dpkg-query -W -f '${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\tdeb\n' |
      sed -n 's/^installed\t//p'
  else
    rpm -qa --qf '%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}\trpm\n' |
      sed -e '/^gpg-pubkey\t/d' -e 's/\t0:/\t/'
  fi | sort
}

# Prints the ids of the security advisories whose packages are installed.
list_advisories() {
  case $manager in
    dnf) dnf -q updateinfo list --installed --security ;;
    yum) yum -q updateinfo list security installed ;;
    *) return 0 ;;
  esac | awk 'NF >= 3 { print $1 }' | sort -u
}

begin() {
  rm -rf -- "$state"
  mkdir -m 700 -- "$state"
  list_installed >"$state/before.part"
  list_advisories >"$state/advisories"
  # zypper knows what an update fixes only before it.
  if [[ $manager == zypper ]]; then
    zypper --non-interactive --quiet list-patches --category security >"$state/patches"
  fi
  # Its existence means that all of it was recorded.
  mv -- "$state/before.part" "$state/before"
}

# Returns whether version $1 is newer than version $2.
is_newer() {
  if [[ $manager == apt ]]; then
    dpkg --compare-versions "$1" gt "$2"
    return
  fi
  local one=$1 other=$2
  [[ $one == *:* ]] || one=0:$one
  [[ $other == *:* ]] || other=0:$other
  [[ $(rpm --eval "%{lua:print(rpm.vercmp('$one','$other'))}") == 1 ]]
}

# Writes the packages to collect to $work/wanted: of several kernels, the newest one.
find_wanted() {
  local name version arch type key
  declare -A newest=()
  # The failure of a command in <( ) would not be noticed.
  list_installed >"$work/installed"
  comm -13 "$state/before" "$work/installed" >"$work/changed"
  while IFS=$'\t' read -r name version arch type; do
    key=$name$'\t'$arch
    if [[ -z ${newest[$key]:-} ]] || is_newer "$version" "${newest[$key]}"; then
      newest[$key]=$version
    fi
  done <"$work/changed"
  for key in "${!newest[@]}"; do
    name=${key%$'\t'*} arch=${key#*$'\t'}
    [[ $manager == apt ]] && type=deb || type=rpm
    printf '%s\t%s\t%s\t%s\n' "$name" "${newest[$key]}" "$arch" "$type"
  done | sort >"$work/wanted"
}

rpm_files() { find "$1" -name '*.rpm' -print0; }

# Downloads the wanted packages of rpm to $folder.
download_rpms() {
  local name version arch type specs=()
  while IFS=$'\t' read -r name version arch type; do
    case $manager in
      zypper) specs+=("$name=${version#*:}") ;;
      *) specs+=("$name-$version.$arch") ;;
    esac
  done <"$work/wanted"
  mkdir -- "$work/downloads"
  # What is installed is the same package as what the repository has: it can be installed again.
  case $manager in
    dnf) dnf -qy "--setopt=*.skip_if_unavailable=false" reinstall --downloadonly --destdir="$work/downloads" "${specs[@]}" ;;
    yum) yum -qy reinstall --downloadonly --downloaddir="$work/downloads" "${specs[@]}" ;;
    zypper) zypper --non-interactive --quiet --pkg-cache-dir "$work/downloads" download "${specs[@]}" ;;
  esac
}

# Requires each downloaded package to be the one that is installed, whose signature was checked, and
# moves it to $folder.
take_rpms() {
  local digest=SHA1HEADER file name version arch header spec
  local -A found=()
  if rpm --querytags | grep -qx SHA256HEADER; then digest=SHA256HEADER; fi
  while IFS= read -r -d '' file; do
    spec=$(rpm --nosignature -qp --qf "%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}\trpm" "$file" | sed 's/\t0:/\t/')
    header=$(rpm --nosignature -qp --qf "%{$digest}" "$file")
    grep -qxF -- "$spec" "$work/wanted" || continue
    IFS=$'\t' read -r name version arch _ <<<"$spec"
    [[ $(rpm -q --qf "%{$digest}" "$name-${version#*:}.$arch") == "$header" ]] ||
      die "the repository's $name-$version.$arch is another package than the installed one"
    if [[ ${PATCHES_UNSIGNED:-} == yes ]]; then
      rpmkeys --checksig "$file" >/dev/null || die "${file##*/} is damaged, or its signature is not valid"
    else
      rpmkeys --define '_pkgverify_level all' --checksig "$file" >/dev/null ||
        die "${file##*/} has no valid signature (PATCHES_UNSIGNED=yes accepts packages without one)"
    fi
    found[$spec]=yes
    mv -- "$file" "$folder/"
  done < <(rpm_files "$work/downloads")
  while IFS= read -r spec; do
    [[ -n ${found[$spec]:-} ]] || die "no repository has the package that is installed as" "$spec"
  done <"$work/wanted"
}

# Removes it again at the end, with what only it needed: the image does not need it.
ensure_createrepo() {
  if command -v createrepo_c >/dev/null; then return; fi
  case $manager in
    zypper) zypper --non-interactive --quiet install createrepo_c ;;
    *) "$manager" -qy install createrepo_c ;;
  esac
  added_createrepo=yes
}
remove_createrepo() {
  [[ -n $added_createrepo ]] || return 0
  case $manager in
    zypper) zypper --non-interactive --quiet --no-refresh remove --clean-deps createrepo_c ;;
    *) "$manager" -qy -C --setopt=clean_requirements_on_remove=1 remove createrepo_c ;;
  esac
}

# Prints the advisories that are installed now and were not before.
describe_rpm_advisories() {
  local ids
  if [[ $manager == zypper ]]; then
    cat -- "$state/patches"
    return
  fi
  list_advisories >"$work/advisories.now"
  mapfile -t ids < <(comm -13 "$state/advisories" "$work/advisories.now")
  if ((${#ids[@]} == 0)); then
    echo "The repositories have no security advisories for these updates."
  elif [[ $manager == dnf ]]; then
    dnf -q updateinfo info --installed "${ids[@]}"
  else
    yum -q updateinfo info installed "${ids[@]}"
  fi
}

collect_rpms() {
  if [[ -s $work/wanted ]]; then
    download_rpms || die "$manager cannot download the packages again"
    take_rpms
  fi
  describe_rpm_advisories >"$folder/security_advisories.txt"
  ensure_createrepo
  createrepo_c --quiet -- "$folder"
  remove_createrepo
}

# Prints the CVEs that a package's changelog has above an older version.
cves_since() {
  # The changelog has no entries of rebuilds (+b1).
  local file=$1 name=$2 old=${3%+b[0-9]*} path
  for path in changelog.Debian.gz changelog.gz; do
    dpkg-deb --fsys-tarfile "$file" | tar -xO "./usr/share/doc/$name/$path" 2>/dev/null |
      gzip -dc 2>/dev/null | awk -v old="($old)" '
        $2 == old && /^[a-z0-9]/ { found = 1; exit }
        { text = text $0 "\n" }
        END { if (found) printf "%s", text }' || true
  done | grep -oE 'CVE-[0-9]{4}-[0-9]{4,}' | sort -u | tr '\n' ' ' || true
}

collect_debs() {
  local name version arch type old file cves
  mkdir -- "$work/downloads"
  # apt's own user, which downloads, has no access to the folder otherwise.
  chmod 755 -- "$work"
  if getent passwd _apt >/dev/null; then chown _apt -- "$work/downloads"; fi
  while IFS=$'\t' read -r name version arch type; do
    (cd "$work/downloads" && apt-get -qq -o Acquire::Retries=3 download "$name:$arch=$version") ||
      (cd "$work/downloads" && apt-get -qq -o Acquire::Retries=3 download "$name=$version") ||
      die "no repository has the package that is installed as" "$name $version $arch"
  done <"$work/wanted"
  for file in "$work"/downloads/*.deb; do
    # A colon, as %3a, is not a part of addresses that all servers take.
    cp -- "$file" "$folder/$(basename "${file//%3a/-}")"
  done
  for file in "$folder"/*.deb; do
    name=$(dpkg-deb --field "$file" Package) version=$(dpkg-deb --field "$file" Version)
    arch=$(dpkg-deb --field "$file" Architecture)
    old=$(awk -F '\t' -v name="$name" -v arch="$arch" '$1 == name && $3 == arch { print $2 }' "$state/before")
    {
      dpkg-deb --field "$file"
      printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${file##*/}" "$(stat -c %s "$file")" \
        "$(sha256sum <"$file" | cut -d ' ' -f 1)"
    } >>"$folder/Packages"
    [[ -n $old ]] || continue
    cves=$(cves_since "$file" "$name" "$old")
    printf '%s %s -> %s%s\n' "$name" "$old" "$version" "${cves:+: ${cves% }}" >>"$work/advisories"
  done
  : >>"$folder/Packages"
  gzip -9nk -- "$folder/Packages"
  {
    echo "Updates, with the CVEs that their changelogs name:"
    if [[ -s $work/advisories ]]; then cat -- "$work/advisories"; fi
  } >"$folder/security_advisories.txt"
  write_release >"$work/Release"
  mv -- "$work/Release" "$folder/Release"
}

# The label is what 16-use-patches.sh gives its priority to.
write_release() {
  local file
  printf 'Origin: vmbuild\nLabel: vmbuild-patches\nSuite: patches\nCodename: patches\n'
  printf 'Date: %s\nSHA256:\n' "$(date -u -R | sed 's/+0000$/UTC/')"
  for file in Packages Packages.gz; do
    printf ' %s %s %s\n' "$(sha256sum <"$folder/$file" | cut -d ' ' -f 1)" \
      "$(stat -c %s "$folder/$file")" "$file"
  done
}

# Wheels are built here where PyPI has only sources, so that machines need no compiler.
collect_wheels() {
  local pip
  [[ -n ${PATCHES_REQUIREMENTS:-} ]] || return 0
  [[ -f $PATCHES_REQUIREMENTS ]] || die "PATCHES_REQUIREMENTS: $PATCHES_REQUIREMENTS is not a file"
  read -r -a pip <<<"${PATCHES_PIP:-python3 -m pip}"
  mkdir -- "$folder/wheels" "$work/again"
  "${pip[@]}" -q --disable-pip-version-check wheel --no-cache-dir \
    --wheel-dir "$folder/wheels" -r "$PATCHES_REQUIREMENTS" || die "pip cannot collect the wheels"
  cp -- "$PATCHES_REQUIREMENTS" "$folder/wheels/requirements.txt"
  env -u PIP_FIND_LINKS "${pip[@]}" -q --disable-pip-version-check download --no-cache-dir --no-index \
    --find-links "$folder/wheels" --dest "$work/again" -r "$folder/wheels/requirements.txt" ||
    die "the collected wheels do not satisfy $PATCHES_REQUIREMENTS"
}

collect() {
  folder=$1
  [[ $folder == /*[!/]* ]] || die "$folder is not the absolute path of a folder"
  [[ -f $state/before ]] || die "run it with --begin before the updates"
  rm -rf -- "$folder"
  mkdir -p -- "$folder"
  # Downloads can be larger than a /tmp in memory.
  work=$(mktemp -d /var/tmp/vmbuild-patches.XXXXXXXX)
  find_wanted
  case $manager in
    apt) collect_debs ;;
    *) collect_rpms ;;
  esac
  cp -- "$work/wanted" "$folder/packages.txt"
  collect_wheels
  chmod -R u=rwX,go=rX -- "$folder"
  (cd "$folder" && find . -type f ! -name SHA256SUMS -printf '%P\0' | sort -z | xargs -0 sha256sum --) \
    >"$work/SHA256SUMS"
  install -m 644 -- "$work/SHA256SUMS" "$folder/SHA256SUMS"
  rm -rf -- "$state"
  printf 'Collected %s packages in %s\n' "$(wc -l <"$folder/packages.txt")" "$folder"
}

((EUID == 0)) || die "must run as root"
find_manager
case ${1:-} in
  --begin)
    (($# == 1)) || die "--begin takes no arguments"
    begin
    ;;
  --collect)
    (($# == 2)) || die "--collect takes one folder"
    collect "$2"
    ;;
  *) die "usage: 70-collect-patches.sh --begin, or --collect FOLDER" ;;
esac
