# shellcheck shell=dash disable=SC2034
# Drivers and the data partition of the stick.

# Loads the drivers of all devices that the kernel has found so far.
load_drivers() {
  find "$SYS/devices" -name modalias -exec cat {} + 2>/dev/null | sort -u | xargs modprobe -q -a -b 2>/dev/null
  return 0
}

# Prints the kernel names of the partitions with GPT's name $1.
partitions_named() {
  for file in "$SYS"/class/block/*/uevent; do
    grep -qx "PARTNAME=$1" "$file" 2>/dev/null || continue
    file=${file%/uevent}
    printf '%s\n' "${file##*/}"
  done
}

# Waits for the data partition with GPT's name $1, and sets STICK_PART and STICK_DISK.
find_stick() {
  waited=0
  while :; do
    load_drivers
    found=$(partitions_named "$1")
    [ -z "$found" ] || break
    [ "$waited" -lt 120 ] || fail "The stick's data partition does not appear. Try another USB port."
    status_line "Waiting for the stick ($waited s)"
    sleep 1
    waited=$((waited + 1))
  done
  # shellcheck disable=SC2086 # The names are words.
  set -- $found
  [ $# -eq 1 ] || fail 'There are several copies of this stick in the machine. Remove the others, and start again.'
  STICK_PART=$1
  STICK_DISK=$(basename "$(dirname "$(readlink -f "$SYS/class/block/$1")")")
}

# Waits until no disk has appeared for some seconds: controllers take their time.
settle_disks() {
  quiet=0
  before=
  while [ "$quiet" -lt 4 ]; do
    load_drivers
    now=$(list_disks)
    if [ "$now" = "$before" ]; then quiet=$((quiet + 1)); else quiet=0; fi
    before=$now
    sleep 1
  done
}

# Mounts the data partition at STICK, where possible for writing.
mount_stick() {
  modprobe -q -a exfat vfat nls_utf8 nls_cp437 nls_iso8859-1 2>/dev/null
  mkdir -p "$STICK"
  for type in exfat vfat; do
    mount -t "$type" -o "${1:-rw}" "$DEV/$STICK_PART" "$STICK" 2>/dev/null && return
    mount -t "$type" -o ro "$DEV/$STICK_PART" "$STICK" 2>/dev/null && return
  done
  fail "The stick's data partition cannot be read. It must have the file system exFAT or FAT32."
}
