#!/usr/bin/env bash
# Makes a guest ready to be an image: removes what belongs to this one machine and not to all.
#
#   90-cleanup.sh                      every operation
#   90-cleanup.sh logs tmp             these only
#   CLEANUP_SKIP="logs" 90-cleanup.sh  every one but these
#   CLEANUP_PURGE="snapd" 90-cleanup.sh  these packages go too, with what only they needed
#   90-cleanup.sh --check [NAME...]    change nothing; fail when something is left
#   90-cleanup.sh --list               the operations
#
# Each operation may run twice, and is checked after it ran. An operation is its line in ABOUT,
# clean_NAME, which does it, and left_NAME, which adds what is left of it to LEFT; begin_NAME, where
# there is one, runs before all. They start few programs: a guest that is emulated takes a twentieth
# of a second for each.
set -euo pipefail
shopt -s nullglob dotglob

OPERATIONS=(
  purge packages cloud-init context policy host-keys authorized-keys machine-id random-seed
  histories tmp logs root-password swap free-space
)
read -r -a PURGED <<<"${CLEANUP_PURGE:-}"
declare -A ABOUT=(
  [purge]="packages that the image is not to have: ${PURGED[*]:-none named}"
  [packages]="package caches and lists"
  [cloud-init]="cloud-init's memory of this machine"
  [context]="/context, which one-context would read at every boot"
  [policy]="policy-rc.d, which would keep packages from starting their services"
  [host-keys]="SSH host keys; cloud-init or ssh-keygen -A makes new ones"
  [authorized-keys]="who may log in by key, for every user"
  [machine-id]="the machine's id; the first boot makes a new one"
  [random-seed]="the saved random seed, which every copy of the image would share"
  [histories]="shells' and editors' histories"
  [tmp]="temporary files"
  [logs]="logs: emptied where a program holds them open, the journal and old ones removed"
  [root-password]="root's password: locked"
  [swap]="what was swapped out"
  [free-space]="free space given back to the host"
)
LEFT=()
HOMES=()

die() {
  printf '90-cleanup.sh: %s\n' "$*" >&2
  exit 1
}

# Home folders of root and of everybody that a person could be.
find_homes() {
  local uid home
  while IFS=: read -r _ _ uid _ _ home _; do
    if ((uid == 0 || (uid >= 1000 && uid < 65534))); then HOMES+=("$home"); fi
  done < <(getent passwd)
}

# The files of this name, or matching this pattern, in every home folder.
left_in_homes() {
  local home pattern path
  ((${#HOMES[@]} > 0)) || find_homes
  for home in "${HOMES[@]}"; do
    for pattern in "$@"; do
      for path in "$home"/$pattern; do
        if [[ -e $path || -L $path ]]; then LEFT+=("$path"); fi
      done
    done
  done
}

# Has an operation look for what is left of it.
find_left() {
  LEFT=()
  "left_$1"
}

# Removes the files that an operation finds.
remove_left() {
  find_left "$1"
  if ((${#LEFT[@]} > 0)); then rm -rf -- "${LEFT[@]}"; fi
}

# Also those that were removed and left their configuration.
left_purge() {
  local name state
  for name in "${PURGED[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
    if [[ -n $state && $state != not-installed ]]; then LEFT+=("$name"); fi
  done
}
clean_purge() {
  ((${#PURGED[@]} > 0)) || return 0
  command -v dpkg-query >/dev/null || die "CLEANUP_PURGE is for systems with dpkg"
  find_left purge
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
  if ((${#LEFT[@]} > 0)); then apt-get purge -qy "${LEFT[@]}"; fi
  apt-get autoremove -qy --purge
  # Settings that others gave to cloud-init, and that Ubuntu's cloud images have for its sake.
  if [[ " ${PURGED[*]} " == *" cloud-init "* ]]; then
    rm -rf /etc/cloud /var/lib/cloud /etc/sysctl.d/99-cloudimg-ipv6.conf
  fi
}

left_packages() {
  local path
  for path in /var/lib/apt/lists/{,partial/}* /var/cache/apt/archives/{*.deb,partial/*} \
    /var/cache/apt/*.bin /var/cache/{dnf,yum,apk}/*; do
    if [[ ! $path =~ /(lock|partial|auxfiles)$ ]]; then LEFT+=("$path"); fi
  done
}
clean_packages() {
  if command -v dnf >/dev/null; then dnf -q clean all; fi
  remove_left packages
}

left_cloud-init() {
  LEFT+=(/var/lib/cloud/{instance,instances,data,sem,seed}/* /var/log/cloud-init*.log)
}
clean_cloud-init() {
  # Until it has a result it is at work on its last stages, and would write its state once more.
  if [[ ! -e /run/cloud-init/result.json ]] && command -v systemctl >/dev/null; then
    systemctl stop cloud-config.service cloud-final.service 2>/dev/null || true
  fi
  remove_left cloud-init
}

left_context() { if [[ -e /context ]]; then LEFT+=(/context); fi; }
clean_context() { remove_left context; }

left_policy() { if [[ -e /usr/sbin/policy-rc.d ]]; then LEFT+=(/usr/sbin/policy-rc.d); fi; }
clean_policy() { remove_left policy; }

left_host-keys() { LEFT+=(/etc/ssh/ssh_host_*); }
clean_host-keys() { remove_left host-keys; }

left_authorized-keys() { left_in_homes .ssh/authorized_keys{,2} .ssh/known_hosts; }
clean_authorized-keys() { remove_left authorized-keys; }

left_machine-id() {
  if [[ -s /etc/machine-id ]]; then LEFT+=(/etc/machine-id); fi
  if [[ -f /var/lib/dbus/machine-id && ! -L /var/lib/dbus/machine-id ]]; then
    LEFT+=(/var/lib/dbus/machine-id)
  fi
}
clean_machine-id() {
  if [[ -e /etc/machine-id ]]; then : >/etc/machine-id; fi
  remove_left machine-id
}

left_random-seed() { LEFT+=(/var/lib/{systemd,urandom}/random-see[d]); }
# Stopping the service saves a seed; it must be stopped before the file goes. It takes half a
# second where it is emulated, so it is begun first of all.
STOPPING=""
begin_random-seed() {
  command -v systemctl >/dev/null || return 0
  systemctl stop systemd-random-seed.service &
  STOPPING=$!
}
clean_random-seed() {
  if [[ -n $STOPPING ]]; then wait "$STOPPING" || true; fi
  remove_left random-seed
}

left_histories() { left_in_homes '.*_history' .viminfo .lesshst .wget-hsts; }
clean_histories() { remove_left histories; }

# A running system keeps folders of its services there; they are empty at the next boot.
left_tmp() {
  local path
  for path in /tmp/* /var/tmp/*; do
    if [[ ! $path =~ /(systemd-private-|\.(X11|ICE|XIM|font|Test)-unix|vmbuild-) ]]; then
      LEFT+=("$path")
    fi
  done
}
clean_tmp() { remove_left tmp; }

# What the running system has written since is its own; what is old must be gone.
left_logs() {
  mapfile -t LEFT < <(
    find /var/log -xdev -type f \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' \)
  )
}
clean_logs() {
  if command -v journalctl >/dev/null; then journalctl --quiet --rotate --vacuum-size=1K || true; fi
  find /var/log -xdev -type f \( \
    \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' -o -name '*.journal' \) -delete -o \
    -size +0 -exec truncate -s 0 {} + \)
}

left_root-password() {
  local password=""
  IFS=: read -r _ password _ < <(getent shadow root) || true
  if [[ $password != [*!]* ]]; then LEFT+=("root has a password"); fi
}
clean_root-password() {
  find_left root-password
  ((${#LEFT[@]} > 0)) || return 0
  passwd --lock --quiet root 2>/dev/null || passwd -l root >/dev/null
}

left_swap() {
  local device kind used
  while read -r device kind _ used _; do
    if [[ $kind == partition && $used != 0 ]]; then LEFT+=("$device holds $used KiB"); fi
  done </proc/swaps
}
clean_swap() {
  local device kind label uuid devices=()
  while read -r device kind _; do
    if [[ $kind == partition ]]; then devices+=("$device"); fi
  done </proc/swaps
  for device in "${devices[@]}"; do
    label=$(blkid -s LABEL -o value "$device" || true)
    uuid=$(blkid -s UUID -o value "$device" || true)
    swapoff "$device"
    # Zeros, not only a new header: pages may hold anything. A disk that can gives them back.
    blkdiscard -z "$device" 2>/dev/null || dd if=/dev/zero of="$device" bs=1M status=none || true
    # fstab names it by one of the two.
    mkswap ${label:+-L "$label"} ${uuid:+-U "$uuid"} "$device" >/dev/null
    swapon "$device"
  done
}

left_free-space() { :; }
clean_free-space() {
  sync
  # Not every disk can: what it would have saved is only size.
  if command -v fstrim >/dev/null; then fstrim --all 2>/dev/null || true; fi
}

require_known() {
  local name
  for name in "$@"; do
    [[ -n ${ABOUT[$name]:-} ]] || die "no operation $name; there are ${OPERATIONS[*]}"
  done
}

check_one() {
  find_left "$1"
  ((${#LEFT[@]} > 0)) || return 0
  printf '90-cleanup.sh: %s: left behind:\n' "$1" >&2
  printf '%s\n' "${LEFT[@]}" >&2
  return 1
}

main() {
  local mode=clean name selected=() failed=()
  case ${1:-} in
    --list)
      for name in "${OPERATIONS[@]}"; do printf '%-16s %s\n' "$name" "${ABOUT[$name]}"; done
      return
      ;;
    --check) mode=check && shift ;;
  esac
  read -r -a skipped <<<"${CLEANUP_SKIP:-}"
  require_known "$@" "${skipped[@]}"
  ((EUID == 0)) || die "needs root"
  for name in "${OPERATIONS[@]}"; do
    if (($# > 0)) && [[ " $* " != *" $name "* ]]; then continue; fi
    if [[ " ${skipped[*]} " == *" $name "* ]]; then continue; fi
    selected+=("$name")
  done
  for name in "${selected[@]}"; do
    if [[ $mode == clean ]] && declare -F "begin_$name" >/dev/null; then "begin_$name"; fi
  done
  for name in "${selected[@]}"; do
    if [[ $mode == clean ]]; then
      printf '%-16s %s\n' "$name" "${ABOUT[$name]}"
      "clean_$name"
    fi
    check_one "$name" || failed+=("$name")
  done
  ((${#failed[@]} == 0)) || die "failed: ${failed[*]}"
}

main "$@"
