#!/usr/bin/env bash
# Prepares a guest to become an image: removes data that belongs to this one machine.
#
#   90-cleanup.sh                        run all operations
#   90-cleanup.sh logs tmp               run only these operations
#   CLEANUP_SKIP="logs" 90-cleanup.sh    run all operations except these
#   CLEANUP_PURGE="snapd" 90-cleanup.sh  also purge these packages and their unused dependencies
#   90-cleanup.sh --check [NAME...]      change nothing; fail if something is left
#   90-cleanup.sh --list                 list the operations
#
# Each operation may run more than once, and is checked after it ran. An operation consists of its
# line in ABOUT, of clean_NAME, which performs it, and of left_NAME, which adds to LEFT what should
# have been removed. An optional begin_NAME runs before all operations. The operations start few
# programs, because an emulated guest takes about 50 ms to start one.
set -euo pipefail
shopt -s nullglob dotglob

OPERATIONS=(
  purge packages package-lists rpm-database subscription cloud-init network context policy host-keys
  authorized-keys machine-id random-seed
  histories tmp logs root-password swap free-space
)
read -r -a PURGED <<<"${CLEANUP_PURGE:-}"
declare -A ABOUT=(
  [purge]="packages to purge: ${PURGED[*]:-none}"
  [packages]="caches of package managers"
  [package-lists]="package lists of apt"
  [rpm-database]="lock files of rpm's database, which belong to the running system"
  [subscription]="identity and certificates with which subscription-manager registered the system"
  [cloud-init]="cloud-init's state and logs"
  [network]="names and leases of network cards, and connections that cloud-init created"
  [context]="/context, a source of context that one-context reads at every boot"
  [policy]="policy-rc.d, which prevents packages from starting services"
  [host-keys]="SSH host keys; cloud-init or ssh-keygen -A creates new ones"
  [authorized-keys]="authorized_keys and known_hosts of all users"
  [machine-id]="machine ID; the first boot creates a new one"
  [random-seed]="saved random seed, which all copies of the image would share"
  [histories]="histories of shells and editors"
  [tmp]="temporary files"
  [logs]="logs: the journal and rotated logs are removed, current logs are truncated"
  [root-password]="root's password, which is locked"
  [swap]="contents of swap partitions"
  [free-space]="free blocks, which are returned to the host"
)
LEFT=()
HOMES=()

die() {
  printf '90-cleanup.sh: %s\n' "$*" >&2
  exit 1
}

# Lists the home folders of root and of regular users.
find_homes() {
  local uid home
  while IFS=: read -r _ _ uid _ _ home _; do
    if ((uid == 0 || (uid >= 1000 && uid < 65534))); then HOMES+=("$home"); fi
  done < <(getent passwd)
}

# Adds to LEFT the files in all home folders that match the patterns.
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

# Sets LEFT to what an operation should have removed.
find_left() {
  LEFT=()
  "left_$1"
}

# Removes the files that left_NAME lists.
remove_left() {
  find_left "$1"
  if ((${#LEFT[@]} > 0)); then rm -rf -- "${LEFT[@]}"; fi
}

# Prints the package manager of the system. A system of Debian's packages may have rpm and dnf as
# tools, and one of rpm's packages may have dpkg.
package_manager() {
  local name
  if [[ -s /var/lib/dpkg/status ]] && command -v apt-get >/dev/null; then
    echo apt
    return
  fi
  for name in zypper dnf yum; do
    if command -v "$name" >/dev/null; then
      echo "$name"
      return
    fi
  done
}

# Includes removed packages whose configuration files remain.
left_purge() {
  local name state
  ((${#PURGED[@]} > 0)) || return 0
  for name in "${PURGED[@]}"; do
    if [[ $(package_manager) != apt ]]; then
      if rpm --quiet -q "$name"; then LEFT+=("$name"); fi
      continue
    fi
    state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
    if [[ -n $state && $state != not-installed ]]; then LEFT+=("$name"); fi
  done
}
clean_purge() {
  ((${#PURGED[@]} > 0)) || return 0
  find_left purge
  case $(package_manager) in
    apt)
      export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
      if ((${#LEFT[@]} > 0)); then apt-get purge -qy "${LEFT[@]}"; fi
      apt-get autoremove -qy --purge
      ;;
    # zypper removes unused dependencies only together with the packages that needed them.
    zypper)
      if ((${#LEFT[@]} > 0)); then
        zypper --non-interactive --no-refresh remove --clean-deps "${LEFT[@]}"
      fi
      ;;
    # Both remove what is installed without asking a repository.
    dnf | yum)
      if ((${#LEFT[@]} > 0)); then "$(package_manager)" -qy -C remove "${LEFT[@]}"; fi
      "$(package_manager)" -qy -C autoremove
      ;;
    *) die "CLEANUP_PURGE needs apt, dnf, yum or zypper, which this system does not have" ;;
  esac
  # Configuration for cloud-init that is not part of its package, as in Ubuntu's cloud images.
  if [[ " ${PURGED[*]} " == *" cloud-init "* ]]; then
    rm -rf /etc/cloud /var/lib/cloud /etc/sysctl.d/99-cloudimg-ipv6.conf
  fi
}

# Adds the paths to LEFT, except the folders and locks that apt itself creates.
add_left() {
  local path
  for path in "$@"; do
    if [[ ! $path =~ /(lock|partial|auxfiles)$ ]]; then LEFT+=("$path"); fi
  done
}

left_packages() {
  add_left /var/cache/apt/archives/{*.deb,partial/*} /var/cache/apt/*.bin
  add_left /var/cache/{dnf,libdnf5,yum,PackageKit,apk}/* /var/cache/zypp/{packages,raw,solv,geoip.d}/*
  # The week since which dnf has counted this machine (countme in dnf.conf(5)).
  add_left /var/lib/dnf/repos/*/countme /var/lib/zypp/AnonymousUniqueI[d]
}
clean_packages() {
  local name
  # They know of caches in other places, which their configuration may name.
  for name in dnf yum; do
    if command -v "$name" >/dev/null; then
      "$name" -q clean all
      break
    fi
  done
  if command -v zypper >/dev/null; then zypper --quiet clean --all; fi
  remove_left packages
}

left_package-lists() { add_left /var/lib/apt/lists/{,partial/}*; }
clean_package-lists() { remove_left package-lists; }

# Regions that Berkeley DB maps into memory, in systems before RHEL 9: rpm creates them again.
left_rpm-database() { LEFT+=(/var/lib/rpm/__db.*); }
clean_rpm-database() { remove_left rpm-database; }

left_subscription() {
  LEFT+=(/etc/pki/{consumer,entitlement}/*.pem /etc/sysconfig/rhn/systemid /var/lib/rhsm/cache/*)
  LEFT+=(/etc/zypp/credentials.d/SCCcredentials /etc/SUSEConnect)
  local path existing=()
  for path in "${LEFT[@]}"; do
    if [[ -e $path ]]; then existing+=("$path"); fi
  done
  LEFT=()
  if ((${#existing[@]} > 0)); then LEFT=("${existing[@]}"); fi
}
clean_subscription() { remove_left subscription; }

left_cloud-init() {
  LEFT+=(/var/lib/cloud/{instance,instances,data,sem,seed}/* /var/log/cloud-init*.log)
}
clean_cloud-init() {
  # Before cloud-init has written its result it is still running, and would write its state again.
  if [[ ! -e /run/cloud-init/result.json ]] && command -v systemctl >/dev/null; then
    systemctl stop cloud-config.service cloud-final.service 2>/dev/null || true
  fi
  remove_left cloud-init
}

# Connections that a user or a package created stay.
left_network() {
  local file first
  LEFT+=(/etc/udev/rules.d/70-persistent-net.rule[s])
  LEFT+=(/var/lib/NetworkManager/{*.lease,*.state,timestamp[s],secret_ke[y],seen-bssid[s]})
  LEFT+=(/var/lib/{dhclient,dhcp}/*.lease* /var/lib/wicked/{lease-*,duid.xm[l],iaid.xm[l]})
  if ! command -v cloud-init >/dev/null; then return 0; fi
  LEFT+=(/etc/NetworkManager/system-connections/cloud-init-*.nmconnection)
  for file in /etc/sysconfig/network{-scripts,}/ifcfg-*; do
    first=""
    read -r first <"$file" || true
    if [[ $first == *"Created by cloud-init"* ]]; then LEFT+=("$file"); fi
  done
}
clean_network() { remove_left network; }

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
# Stopping the service saves a seed, so it is stopped before the file is removed. In an emulated
# guest that takes half a second, so it starts before all operations.
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

# Folders of running services stay: they are removed when the system shuts down or boots.
left_tmp() {
  local path
  for path in /tmp/* /var/tmp/*; do
    if [[ ! $path =~ /(systemd-private-|\.(X11|ICE|XIM|font|Test)-unix|vmbuild-) ]]; then
      LEFT+=("$path")
    fi
  done
}
clean_tmp() { remove_left tmp; }

# Only rotated logs count as left: the running system continues to write the current ones.
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
    # Overwrites all pages, which may contain secrets; a new header alone would not.
    blkdiscard -z "$device" 2>/dev/null || dd if=/dev/zero of="$device" bs=1M status=none || true
    # fstab may refer to the label or to the UUID.
    mkswap ${label:+-L "$label"} ${uuid:+-U "$uuid"} "$device" >/dev/null
    swapon "$device"
  done
}

left_free-space() { :; }
clean_free-space() {
  sync
  # A disk without discard support only makes the image larger.
  if command -v fstrim >/dev/null; then fstrim --all 2>/dev/null || true; fi
}

require_known() {
  local name
  for name in "$@"; do
    [[ -n ${ABOUT[$name]:-} ]] || die "unknown operation $name; the operations are ${OPERATIONS[*]}"
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
  ((EUID == 0)) || die "must run as root"
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
