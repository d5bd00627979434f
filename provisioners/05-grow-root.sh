#!/usr/bin/env bash
# Extends the root file system to the whole disk: its partition, LVM's physical and logical volume,
# and the file system (ext4, XFS, btrfs). What is extended already stays as it is, so the script may
# run again.
set -euo pipefail

die() {
  printf '05-grow-root.sh: %s\n' "$*" >&2
  exit 1
}

require() {
  command -v "$1" >/dev/null || die "$1 is not installed (package $2)"
}

# growpart also moves GPT's second table to the end of the disk, which sfdisk before util-linux 2.35
# does not. It exits with 1 where nothing is to be done.
grow_partition() {
  local disk=$1 number=$2 code=0
  growpart "$disk" "$number" || code=$?
  ((code <= 1)) || die "growpart $disk $number failed with exit code $code"
}

grow_volume() {
  local volume=$1 free
  free=$(lvs --noheadings --options vg_free_count "$volume")
  if ((free > 0)); then lvextend --quiet --extents +100%FREE "$volume"; fi
}

grow_file_system() {
  local type=$1 device=$2
  case $type in
    xfs) xfs_growfs / >/dev/null ;;
    ext[234]) resize2fs "$device" ;;
    btrfs) btrfs filesystem resize max / ;;
    *) die "a root file system of the type $type cannot be extended" ;;
  esac
}

((EUID == 0)) || die "must run as root"
require lsblk util-linux
read -r source type < <(findmnt -nvro SOURCE,FSTYPE /) || die "the root file system is not mounted from a device"
[[ -b $source ]] || die "the root file system is on $source, which is not a block device"

# From the file system down to the disks: /dev/mapper/rocky-root lvm, /dev/vda2 part, /dev/vda disk.
mapfile -t layers < <(lsblk --noheadings --raw --inverse --paths --output NAME,TYPE,PKNAME "$source")
volume=""
partitions=()
for layer in "${layers[@]}"; do
  read -r name kind _ <<<"$layer"
  case $kind in
    lvm) volume=$name ;;
    part) partitions+=("$name") ;;
    disk) ;;
    *) die "the root file system is on a device of the type $kind ($name), which cannot be extended" ;;
  esac
done

if ((${#partitions[@]} > 0)); then
  require growpart "cloud-utils-growpart or cloud-guest-utils"
  for partition in "${partitions[@]}"; do
    number=$(<"/sys/class/block/${partition##*/}/partition")
    disk=$(readlink -f "/sys/class/block/${partition##*/}/..")
    grow_partition "/dev/${disk##*/}" "$number"
  done
fi
if [[ -n $volume ]]; then
  require pvresize lvm2
  # A physical volume may also be a whole disk.
  while read -r physical; do
    pvresize --quiet "$physical"
  done < <(lvs --noheadings --options devices "$volume" | tr ',' '\n' | sed 's/([0-9]*)//; s/^ *//; s/ *$//' | sort -u)
  grow_volume "$volume"
fi
grow_file_system "$type" "$source"
df -h / | tail -n 1
