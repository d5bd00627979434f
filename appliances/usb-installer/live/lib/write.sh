# shellcheck shell=dash
# Writing the image: first everything but its first MiB, which has the partition table; that comes
# last, so that a disk whose installation was interrupted never starts.

HEAD=1048576

# Runs the function $5 with progress: $1 is its name, $2 the bytes, $3 the file descriptor whose
# position counts (of the process in RUN/reader), from $4 on.
with_progress() {
  rm -f "$RUN/reader"
  "$5" &
  job=$!
  while kill -0 "$job" 2>/dev/null; do
    position=$(sed -n 's/^pos:[[:space:]]*//p' "/proc/$(cat "$RUN/reader" 2>/dev/null)/fdinfo/$3" 2>/dev/null)
    [ -z "$position" ] || status_line "$1: $(((position - $4) * 100 / $2)) %"
    sleep "$INTERVAL"
  done
  wait "$job" || {
    print "$CRLF"
    return 1
  }
  status_line "$1: 100 %"
  print "$CRLF"
}

# Shows qemu-img's progress, on stdin, after the text $1.
show_percent() {
  tr '\r' '\n' | while IFS= read -r line; do
    case $line in
      *'/100%)'*)
        line=${line#*(}
        status_line "$1: ${line%%.*} %"
        ;;
      ?*) say "  $line" ;;
    esac
  done
  print "$CRLF"
}

# Options of qemu-img for a part of the image: $1 bytes from $2.
image_options() {
  printf 'driver=raw,offset=%s,size=%s,file.driver=qcow2,' "$2" "$1"
  if [ "$OFFSET" -eq 0 ]; then
    printf 'file.file.driver=file,file.file.filename=%s' "$FILE"
    return
  fi
  # Members of tar archives are filled up to a multiple of 512, as QEMU needs it.
  printf 'file.file.driver=raw,file.file.offset=%s,file.file.size=%s,' "$OFFSET" $(((LENGTH + 511) / 512 * 512))
  printf 'file.file.file.driver=file,file.file.file.filename=%s' "$FILE"
}

# Options of qemu-img for a part of the target: $1 bytes from $2.
target_options() {
  driver='file'
  [ -b "$DEVICE" ] && driver=host_device
  printf 'driver=raw,offset=%s,size=%s,file.driver=%s,file.filename=%s' "$2" "$1" "$driver" "$DEVICE"
}

# Saves the first MiB of the image, and refuses what no firmware would start.
read_head() {
  if [ "$KIND" = qcow2 ]; then
    qemu-img convert --image-opts -O raw "$(image_options "$HEAD" 0)" "$RUN/head" 2>"$RUN/error" ||
      fail "$PAYLOAD cannot be read: $(cat "$RUN/error")"
  else
    # The rest is not read, which ends the program before with a broken pipe.
    { image_bytes 2>/dev/null || :; } | dd bs="$HEAD" count=1 iflag=fullblock of="$RUN/head" 2>/dev/null
  fi
  [ "$(stat -c %s "$RUN/head")" = "$HEAD" ] || fail "$PAYLOAD cannot be read"
  [ "$(dd if="$RUN/head" bs=1 skip=510 count=2 2>/dev/null | od -An -tx1 | tr -d ' ')" = 55aa ] ||
    fail "$PAYLOAD is not the image of a disk: it has no boot record"
}

# Makes the kernel read the target again instead of its own memory.
forget_cache() {
  [ -b "$DEVICE" ] || return 0
  sync
  blockdev --flushbufs "$DEVICE"
  echo 3 >/proc/sys/vm/drop_caches
}

# Overwrites the partition tables of the target: at its start, and GPT's copy at its end.
clear_target() {
  dd if=/dev/zero of="$DEVICE" bs=1M count=1 conv=notrunc,fsync 2>"$RUN/error" &&
    dd if=/dev/zero of="$DEVICE" bs=512 count=2048 seek=$(($1 / 512 - 2048)) conv=notrunc,fsync 2>"$RUN/error"
}

write_stream() {
  image_bytes | {
    dd bs="$HEAD" count=1 iflag=fullblock of=/dev/null 2>/dev/null
    tee "$RUN/copy" | dd bs=1M seek=1 iflag=fullblock conv=notrunc,fsync of="$DEVICE" 2>"$RUN/error"
  }
}

read_stream() {
  # shellcheck disable=SC2016 # The inner shell expands it.
  sh -c 'echo $$ >"$1"; exec dd bs=1M skip="$2" count="$3" iflag=skip_bytes,count_bytes,fullblock 2>/dev/null' \
    sh "$RUN/reader" "$HEAD" $((SIZE - HEAD)) <"$DEVICE" | sha256sum >"$RUN/read"
}

# Writes everything after the first MiB.
write_rest() {
  if [ "$KIND" = qcow2 ]; then
    { qemu-img convert -n -p -t none --image-opts --target-image-opts \
      "$(image_options $((SIZE - HEAD)) "$HEAD")" "$(target_options $((SIZE - HEAD)) "$HEAD")" 2>"$RUN/error" ||
      echo failed >"$RUN/failed"; } | show_percent 'Writing'
    [ ! -e "$RUN/failed" ]
    return
  fi
  rm -f "$RUN/copy"
  mkfifo "$RUN/copy"
  sha256sum <"$RUN/copy" >"$RUN/written" &
  summer=$!
  with_progress 'Writing' "$LENGTH" 0 "$OFFSET" write_stream || return 1
  wait "$summer"
}

# Compares everything after the first MiB with the target.
compare_rest() {
  : >"$RUN/error"
  forget_cache
  if [ "$KIND" = qcow2 ]; then
    { qemu-img compare -p -T none --image-opts \
      "$(image_options $((SIZE - HEAD)) "$HEAD")" "$(target_options $((SIZE - HEAD)) "$HEAD")" 2>"$RUN/error" ||
      echo failed >"$RUN/failed"; } | show_percent 'Comparing'
    [ ! -e "$RUN/failed" ]
    return
  fi
  with_progress 'Comparing' $((SIZE - HEAD)) 0 "$HEAD" read_stream || return 1
  cmp -s "$RUN/written" "$RUN/read"
}

# Writes the first MiB, and reads it back.
write_head() {
  dd if="$RUN/head" of="$DEVICE" bs="$HEAD" conv=notrunc,fsync 2>"$RUN/error" || return 1
  forget_cache
  dd if="$DEVICE" bs="$HEAD" count=1 iflag=fullblock 2>/dev/null | cmp -s - "$RUN/head"
}

# Moves GPT's copy to the end of the target, where it belongs. An image with the older partition
# table has none.
move_backup() {
  [ "$(dd if="$RUN/head" bs=1 skip=512 count=8 2>/dev/null)" = 'EFI PART' ] || return 0
  sfdisk --quiet --no-reread --no-tell-kernel --relocate gpt-bak-std "$DEVICE" >"$RUN/error" 2>&1 || return 1
  sync
}

# Ends the installer after an error of the target. Its table is removed again.
fail_target() {
  # dd also counts there what it has written.
  detail=$(trim "$(grep -v -e ' records ' -e ' copied' "$RUN/error" 2>/dev/null | tail -n 3 | tr '\n' ' ')")
  say ''
  say "/dev/$TARGET gets no partition table, and does not start."
  clear_target "$TARGET_BYTES" || :
  fail "$1${detail:+ ($detail)}."
}

# Writes the image to the target, compares it, and moves GPT's copy.
install_image() {
  DEVICE=$DEV/$TARGET
  TARGET_BYTES=$(disk_size "$TARGET")
  rm -f "$RUN/failed"
  : >"$RUN/error"
  clear_target "$TARGET_BYTES" || fail_target "/dev/$TARGET cannot be written"
  write_rest || fail_target "Writing to /dev/$TARGET failed"
  if [ "$VERIFY" = yes ]; then
    compare_rest || fail_target "/dev/$TARGET does not contain what was written to it; the disk is faulty"
  fi
  write_head || fail_target "/dev/$TARGET does not contain what was written to it; the disk is faulty"
  move_backup || fail_target "The copy of the partition table cannot be moved to the end of /dev/$TARGET"
}
