# shellcheck shell=dash disable=SC2034
# Disks of the machine, and the rule that selects the target.
# SYS: /sys. DEV: /dev. STICK_DISK: kernel name of the stick.

# Reads a file of sysfs into one line without outer white space; nothing where there is none.
attribute() {
  [ -r "$1" ] && trim "$(head -c 256 "$1" 2>/dev/null | tr -d '\000' | tr '\n' ' ')"
}

# Prints the bytes of a disk.
disk_size() {
  sectors=$(attribute "$SYS/block/$1/size")
  printf '%s' $((${sectors:-0} * 512))
}

# Prints what a disk is attached to, as the setting target.bus names it.
disk_bus() {
  case $(readlink -f "$SYS/block/$1") in
    */usb[0-9]*/*) echo usb ;;
    */nvme*) echo nvme ;;
    */mmc_host/*) echo mmc ;;
    */ata[0-9]*/*) echo ata ;;
    */virtio[0-9]*/*) echo virtio ;;
    *) echo scsi ;;
  esac
}

disk_model() {
  name=$(attribute "$SYS/block/$1/device/model")
  [ -n "$name" ] || name=$(attribute "$SYS/block/$1/device/name")
  printf '%s' "$name"
}

disk_serial() {
  for file in device/serial serial device/wwid wwid; do
    text=$(attribute "$SYS/block/$1/$file")
    if [ -n "$text" ]; then
      printf '%s' "$text"
      return
    fi
  done
}

# Describes a disk in one line.
describe_disk() {
  model=$(disk_model "$1")
  serial=$(disk_serial "$1")
  printf '/dev/%s: %s, %s, %s%s' "$1" "${model:-no model}" \
    "$(show_size "$(disk_size "$1")")" "$(disk_bus "$1")" "${serial:+, serial $serial}"
}

# Prints the kernel names of what could be a disk, without memory, loops, optical and floppy drives.
list_disks() {
  for path in "$SYS"/block/*; do
    name=${path##*/}
    case $name in
      '*' | loop* | ram* | zram* | sr* | fd* | nbd* | md* | dm-* | mtdblock* | *boot[0-9] | *rpmb) continue ;;
    esac
    [ "$(attribute "$path/hidden")" = 1 ] || printf '%s\n' "$name"
  done
}

# Returns whether text matches a pattern of the shell, whatever the case.
matches() {
  # shellcheck disable=SC2254 # It is a pattern.
  case $(lower "$1") in
    $(lower "$2")) return 0 ;;
  esac
  return 1
}

# Prints why a disk is not a target for $2 bytes; nothing where it is one.
rejection() {
  size=$(disk_size "$1")
  bus=$(disk_bus "$1")
  sector=$(attribute "$SYS/block/$1/queue/logical_block_size")
  if [ "$1" = "$STICK_DISK" ]; then
    echo 'it is this stick'
  elif [ "$size" -eq 0 ]; then
    echo 'it has no medium'
  elif [ "$(attribute "$SYS/block/$1/ro")" = 1 ]; then
    echo 'it is write-protected'
  elif [ "$(attribute "$SYS/block/$1/removable")" = 1 ]; then
    echo 'it is removable'
  elif [ "$bus" = usb ] && [ -z "$TARGET_BUS" ]; then
    echo 'it is attached by USB, and target.bus does not name usb'
  elif [ -n "$TARGET_BUS" ] && ! matches " $TARGET_BUS " "* $bus *"; then
    echo "target.bus is $TARGET_BUS"
  elif ! matches "$(disk_model "$1")" "$TARGET_MODEL"; then
    echo "target.model is $TARGET_MODEL"
  elif ! matches "$(disk_serial "$1")" "$TARGET_SERIAL"; then
    echo "target.serial is $TARGET_SERIAL"
  elif [ -n "$TARGET_MIN" ] && [ "$size" -lt "$TARGET_MIN" ]; then
    echo "it is smaller than target.min-size, $(show_size "$TARGET_MIN")"
  elif [ -n "$TARGET_MAX" ] && [ "$size" -gt "$TARGET_MAX" ]; then
    echo "it is larger than target.max-size, $(show_size "$TARGET_MAX")"
  elif [ "$size" -lt "$2" ]; then
    echo "it is too small: the image has $(show_size "$2")"
  elif [ "${sector:-512}" != 512 ]; then
    echo "its sectors have $sector bytes; the image is made for sectors of 512 bytes"
  fi
}

# Sets CANDIDATES to the disks that may be written with $1 bytes, and says what is with the others.
find_candidates() {
  CANDIDATES=
  for disk in $(list_disks); do
    reason=$(rejection "$disk" "$1")
    if [ -z "$reason" ]; then
      CANDIDATES="$CANDIDATES $disk"
    else
      say "  not $(describe_disk "$disk"): $reason"
    fi
  done
  CANDIDATES=${CANDIDATES# }
}

# Lists the candidates with numbers.
show_candidates() {
  say 'Disks that the image can be written to:'
  number=0
  for disk in $CANDIDATES; do
    number=$((number + 1))
    say "  $number) $(describe_disk "$disk")"
  done
}

# Asks for one of the candidates, and sets TARGET.
ask_target() {
  while :; do
    show_candidates
    read_line 'Number of the disk, then Enter: '
    position=0
    for disk in $CANDIDATES; do
      position=$((position + 1))
      if [ "$LINE" = "$position" ]; then
        TARGET=$disk
        return
      fi
    done
    say "There is no disk with the number \"$LINE\"."
  done
}
