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
# Each operation may run twice, and is checked after it ran. An operation is three functions:
# about_NAME says what it removes, clean_NAME does it, left_NAME prints what is left of it.
set -euo pipefail
shopt -s nullglob dotglob

OPERATIONS=(
  purge packages cloud-init context policy host-keys authorized-keys machine-id random-seed
  histories tmp logs root-password swap free-space
)
read -r -a PURGED <<<"${CLEANUP_PURGE:-}"

die() {
  printf '90-cleanup.sh: %s\n' "$*" >&2
  exit 1
}

# Home folders of root and of everybody that a person could be.
homes() {
  getent passwd | awk -F: '$3 == 0 || ($3 >= 1000 && $3 < 65534) { print $6 }' | sort -u
}

# The files of this name, or matching this pattern, in every home folder.
in_homes() {
  local home pattern path
  while read -r home; do
    for pattern in "$@"; do
      for path in "$home"/$pattern; do
        if [[ -e $path || -L $path ]]; then printf '%s\n' "$path"; fi
      done
    done
  done < <(homes)
}

remove_lines() {
  local path
  while IFS= read -r path; do rm -rf -- "$path"; done
}

about_purge() { echo "packages that the image is not to have: ${PURGED[*]:-none named}"; }
# Also those that were removed and left their configuration.
purge_found() {
  local name state
  for name in "${PURGED[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
    if [[ -n $state && $state != not-installed ]]; then printf '%s\n' "$name"; fi
  done
}
clean_purge() {
  local found
  ((${#PURGED[@]} > 0)) || return 0
  command -v dpkg-query >/dev/null || die "CLEANUP_PURGE is for systems with dpkg"
  mapfile -t found < <(purge_found)
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
  if ((${#found[@]} > 0)); then apt-get purge -qy "${found[@]}"; fi
  apt-get autoremove -qy --purge
  # Settings that others gave to cloud-init, and that Ubuntu's cloud images have for its sake.
  if [[ " ${PURGED[*]} " == *" cloud-init "* ]]; then
    rm -rf /etc/cloud /var/lib/cloud /etc/sysctl.d/99-cloudimg-ipv6.conf
  fi
}
left_purge() { if ((${#PURGED[@]} > 0)); then purge_found; fi; }

about_packages() { echo "package caches and lists"; }
package_files() {
  printf '%s\n' /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/cache/apt/*.bin \
    /var/cache/dnf/* /var/cache/yum/* /var/cache/apk/* | grep -Ev '/(lock|partial|auxfiles)$' || true
}
clean_packages() {
  if command -v apt-get >/dev/null; then apt-get clean; fi
  if command -v dnf >/dev/null; then dnf -q clean all; fi
  package_files | remove_lines
}
left_packages() { package_files; }

about_cloud-init() { echo "cloud-init's memory of this machine"; }
cloud_init_files() {
  printf '%s\n' /var/lib/cloud/{instance,instances,data,sem,seed}/* /var/log/cloud-init*.log
}
clean_cloud-init() {
  # It may still be at work on its last stages, and would write its state once more.
  if command -v systemctl >/dev/null; then
    systemctl stop cloud-config.service cloud-final.service 2>/dev/null || true
  fi
  cloud_init_files | remove_lines
}
left_cloud-init() { cloud_init_files; }

about_context() { echo "/context, which one-context would read at every boot"; }
clean_context() { rm -rf /context; }
left_context() { if [[ -e /context ]]; then echo /context; fi; }

about_policy() { echo "policy-rc.d, which would keep packages from starting their services"; }
clean_policy() { rm -f /usr/sbin/policy-rc.d; }
left_policy() { if [[ -e /usr/sbin/policy-rc.d ]]; then echo /usr/sbin/policy-rc.d; fi; }

about_host-keys() { echo "SSH host keys; cloud-init or ssh-keygen -A makes new ones"; }
clean_host-keys() { rm -f /etc/ssh/ssh_host_*_key{,.pub}; }
left_host-keys() { printf '%s\n' /etc/ssh/ssh_host_*; }

about_authorized-keys() { echo "who may log in by key, for every user"; }
clean_authorized-keys() { in_homes .ssh/authorized_keys{,2} .ssh/known_hosts | remove_lines; }
left_authorized-keys() { in_homes .ssh/authorized_keys{,2} .ssh/known_hosts; }

about_machine-id() { echo "the machine's id; the first boot makes a new one"; }
clean_machine-id() {
  if [[ -e /etc/machine-id ]]; then : >/etc/machine-id; fi
  if [[ ! -L /var/lib/dbus/machine-id ]]; then rm -f /var/lib/dbus/machine-id; fi
}
left_machine-id() {
  if [[ -s /etc/machine-id ]]; then echo /etc/machine-id; fi
  if [[ -f /var/lib/dbus/machine-id && ! -L /var/lib/dbus/machine-id ]]; then
    echo /var/lib/dbus/machine-id
  fi
}

about_random-seed() { echo "the saved random seed, which every copy of the image would share"; }
clean_random-seed() {
  # Stopping the service saves a seed; it must be stopped before the file goes.
  if command -v systemctl >/dev/null; then systemctl stop systemd-random-seed.service || true; fi
  rm -f /var/lib/systemd/random-seed /var/lib/urandom/random-seed
}
left_random-seed() { printf '%s\n' /var/lib/{systemd,urandom}/random-see[d]; }

about_histories() { echo "shells' and editors' histories"; }
history_files() { in_homes '.*_history' .viminfo .lesshst .wget-hsts .python_history; }
clean_histories() { history_files | remove_lines; }
left_histories() { history_files; }

about_tmp() { echo "temporary files"; }
# A running system keeps folders of its services there; they are empty at the next boot.
tmp_files() { printf '%s\n' /tmp/* /var/tmp/* | grep -Ev '/(systemd-private-|\.(X11|ICE|XIM|font|Test)-unix|vmbuild-)' || true; }
clean_tmp() { tmp_files | remove_lines; }
left_tmp() { tmp_files; }

about_logs() { echo "logs: emptied where a program holds them open, the journal and old ones removed"; }
clean_logs() {
  if command -v journalctl >/dev/null; then journalctl --quiet --rotate --vacuum-size=1K || true; fi
  find /var/log -xdev -type f \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' -o -name '*.journal' \) -delete
  find /var/log -xdev -type f -size +0 -exec truncate -s 0 {} +
}
# What the running system has written since is its own; what is old must be gone.
left_logs() { find /var/log -xdev -type f \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' \); }

about_root-password() { echo "root's password: locked"; }
clean_root-password() { passwd --lock --quiet root 2>/dev/null || passwd -l root >/dev/null; }
left_root-password() {
  if ! getent shadow root | cut -d: -f2 | grep -q '^[!*]'; then echo "root has a password"; fi
}

about_swap() { echo "what was swapped out"; }
clean_swap() {
  local device label uuid
  while read -r device; do
    label=$(blkid -s LABEL -o value "$device" || true)
    uuid=$(blkid -s UUID -o value "$device" || true)
    swapoff "$device"
    # Zeros, not only a new header: pages may hold anything. A disk that can gives them back.
    blkdiscard -z "$device" 2>/dev/null || dd if=/dev/zero of="$device" bs=1M status=none || true
    # fstab names it by one of the two.
    mkswap ${label:+-L "$label"} ${uuid:+-U "$uuid"} "$device" >/dev/null
    swapon "$device"
  done < <(awk 'NR > 1 && $2 == "partition" { print $1 }' /proc/swaps)
}
left_swap() { awk 'NR > 1 && $2 == "partition" && $4 > 0 { print $1 " holds " $4 " KiB" }' /proc/swaps; }

about_free-space() { echo "free space given back to the host"; }
clean_free-space() {
  sync
  # Not every disk can: what it would have saved is only size.
  if command -v fstrim >/dev/null; then fstrim --all 2>/dev/null || true; fi
}
left_free-space() { :; }

require_known() {
  local name
  for name in "$@"; do
    [[ " ${OPERATIONS[*]} " == *" $name "* ]] || die "no operation $name; there are ${OPERATIONS[*]}"
  done
}

check_one() {
  local left
  left=$("left_$1")
  [[ -n $left ]] || return 0
  printf '90-cleanup.sh: %s: left behind:\n%s\n' "$1" "$left" >&2
  return 1
}

main() {
  local mode=clean name selected=() failed=()
  case ${1:-} in
    --list)
      for name in "${OPERATIONS[@]}"; do printf '%-16s %s\n' "$name" "$("about_$name")"; done
      return
      ;;
    --check) mode=check && shift ;;
  esac
  read -r -a skipped <<<"${CLEANUP_SKIP:-}"
  require_known "$@" "${skipped[@]}"
  [[ $(id -u) == 0 ]] || die "needs root"
  for name in "${OPERATIONS[@]}"; do
    if (($# > 0)) && [[ " $* " != *" $name "* ]]; then continue; fi
    if [[ " ${skipped[*]} " == *" $name "* ]]; then continue; fi
    selected+=("$name")
  done
  for name in "${selected[@]}"; do
    if [[ $mode == clean ]]; then
      printf '%-16s %s\n' "$name" "$("about_$name")"
      "clean_$name"
    fi
    check_one "$name" || failed+=("$name")
  done
  ((${#failed[@]} == 0)) || die "failed: ${failed[*]}"
}

main "$@"
