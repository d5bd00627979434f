/** Discards the unused blocks of the guest's file systems. */

/**
 * Shell code that discards unused blocks, where the guest has fstrim, so that the conversion skips
 * them. busybox's fstrim takes one mount point and has no option for all. The shutdown writes what
 * is still in the guest's memory.
 */
export const TRIM = `{
  sync
  if command -v fstrim && ! fstrim -a; then
    while read -r _ place kind _; do
      case $kind in btrfs | ext[234] | f2fs | vfat | xfs) fstrim "$(printf '%b' "$place")" || true ;; esac
    done </proc/mounts
  fi
} >/dev/null 2>&1`;
