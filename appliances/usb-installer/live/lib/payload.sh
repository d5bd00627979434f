# shellcheck shell=dash disable=SC2034,SC2153
# The payload: which file it is, its sum and its size.
# STICK: folder of the data partition.

# Prints the kind of image by its name; nothing where it is none.
kind_of() {
  case $(lower "$1") in
    .*) ;;
    *.qcow2) echo qcow2 ;;
    *.raw | *.img) echo raw ;;
    *.raw.zst | *.img.zst) echo zst ;;
    *.raw.gz | *.img.gz) echo gz ;;
    *.tar) echo bundle ;;
  esac
}

# Prints the names of the images on the stick.
list_payloads() {
  for path in "$STICK"/*; do
    [ -f "$path" ] && [ -n "$(kind_of "${path##*/}")" ] && printf '%s\n' "${path##*/}"
  done
  return 0
}

# Sets PAYLOAD to the file to install, and asks where there are several.
choose_payload() {
  if [ -n "$PAYLOAD" ]; then
    case $PAYLOAD in
      */* | .*) fail "payload = $PAYLOAD is not the name of a file beside installer.conf" ;;
    esac
    [ -f "$STICK/$PAYLOAD" ] || fail "installer.conf names $PAYLOAD, which is not on the stick"
    [ -n "$(kind_of "$PAYLOAD")" ] || fail "$PAYLOAD is not an image: its name ends in none of .qcow2, .raw, .raw.zst, .raw.gz, .tar"
    return
  fi
  list_payloads >"$RUN/payloads"
  case $(wc -l <"$RUN/payloads") in
    0) fail 'There is no image on the stick. Copy a .qcow2, .raw, .raw.zst, .raw.gz or .tar file to it.' ;;
    1)
      PAYLOAD=$(cat "$RUN/payloads")
      return
      ;;
  esac
  while [ -z "$PAYLOAD" ]; do
    say 'There are several images on the stick:'
    awk '{ print NR ") " $0 }' "$RUN/payloads" >"$RUN/numbered"
    while IFS= read -r line; do say "  $line"; done <"$RUN/numbered"
    read_line 'Number of the image, then Enter: '
    case $LINE in
      '' | *[!0-9]* | ????* | 0*) continue ;;
    esac
    PAYLOAD=$(sed -n "${LINE}p" "$RUN/payloads")
  done
}

# Sets FILE, OFFSET, LENGTH and KIND: where the image's bytes are. The image of a bundle is a part of
# the file.
open_payload() {
  # A name of its own, since qemu-img gives some characters of names a meaning.
  ln -sfn "$STICK/$PAYLOAD" "$RUN/payload"
  FILE=$RUN/payload
  OFFSET=0
  LENGTH=$(stat -L -c %s "$FILE")
  KIND=$(kind_of "$PAYLOAD")
  [ "$LENGTH" -gt 0 ] || fail "$PAYLOAD is empty"
  [ "$KIND" != bundle ] || open_bundle
}

# Prints the bytes of the payload's file: all, or $1 bytes from $2.
file_bytes() {
  dd iflag=skip_bytes,count_bytes,fullblock bs=1M count="$1" skip="$2" 2>/dev/null <"$FILE"
}

# Prints what a header of a tar archive at $1 has at $2, $3 bytes.
tar_field() {
  dd iflag=skip_bytes,count_bytes,fullblock bs=512 skip=$(($1 + $2)) count="$3" 2>/dev/null <"$FILE" | tr -d '\000'
}

# Narrows the payload to the image of a bundle, the only image in the archive, and reads its sum from
# the bundle's manifest.yaml.
open_bundle() {
  at=0
  found=
  : >"$RUN/manifest"
  while [ $((at + 512)) -le "$LENGTH" ]; do
    name=$(tar_field "$at" 0 100)
    [ -n "$name" ] || break
    [ "$(tar_field "$at" 257 5)" = ustar ] || fail "$PAYLOAD is not a tar archive that can be read"
    digits=$(tar_field "$at" 124 12 | tr -d ' ')
    # Members above 8 GiB: the size is a binary number (GNU).
    size=$(tar_size "$at" "$digits") || fail "$PAYLOAD is not a tar archive that can be read"
    type=$(tar_field "$at" 156 1)
    case $type in
      '' | 0)
        case ${name##*/} in
          manifest.yaml | manifest.yml) file_bytes "$size" $((at + 512)) >"$RUN/manifest" ;;
        esac
        kind=$(kind_of "${name##*/}")
        if [ -n "$kind" ] && [ "$kind" != bundle ]; then
          [ -z "$found" ] || fail "$PAYLOAD contains several images; it must have one"
          found=$name found_at=$((at + 512)) found_size=$size found_kind=$kind
        fi
        ;;
    esac
    at=$((at + 512 + (size + 511) / 512 * 512))
  done
  [ -n "$found" ] || fail "$PAYLOAD contains no image"
  [ $((found_at + found_size)) -le "$LENGTH" ] || fail "$PAYLOAD is cut off"
  say "The bundle contains $found."
  MEMBER=$found OFFSET=$found_at LENGTH=$found_size KIND=$found_kind
}

# Prints the size in the header of a tar archive at $1, whose field has the text $2.
tar_size() {
  case $2 in
    '' | *[!0-7]*)
      # GNU's form: the first bit is set, the last eight bytes are the number.
      # shellcheck disable=SC2046 # Each byte is an argument.
      set -- $(dd iflag=skip_bytes,count_bytes bs=512 skip=$(($1 + 124)) count=12 2>/dev/null <"$FILE" | od -An -tx1)
      [ "$1" = 80 ] && [ "$2$3$4" = 000000 ] || return 1
      shift 4
      printf '%s' "$((0x$1$2$3$4$5$6$7$8))"
      ;;
    *) printf '%s' "$((0$2))" ;;
  esac
}

# Prints the bytes of the image's file, as they are stored.
stored_bytes() {
  # The process id is for the display of progress.
  # shellcheck disable=SC2016 # The inner shell expands it.
  sh -c 'echo $$ >"$1"; exec dd iflag=skip_bytes,count_bytes,fullblock bs=1M skip="$2" count="$3" 2>/dev/null' \
    sh "$RUN/reader" "$OFFSET" "$LENGTH" <"$FILE"
}

# Prints the content of an image that is not qcow2.
image_bytes() {
  case $KIND in
    zst) stored_bytes | zstd -q -d -c ;;
    gz) stored_bytes | gzip -d -c ;;
    *) stored_bytes ;;
  esac
}

# Prints the sha256 that text on stdin, as sha256sum writes it, has for the file $1. A text of nothing
# but a sum is valid for any file.
sum_in() {
  awk -v name="$1" '
    NF == 1 && length($1) == 64 && $1 ~ /^[0-9a-fA-F]+$/ { print tolower($1); exit }
    length($1) == 64 && $1 ~ /^[0-9a-fA-F]+$/ {
      rest = substr($0, 65); sub(/^[ \t]+[*]?/, "", rest); sub(/^[.]\//, "", rest)
      if (rest == name) { print tolower($1); exit }
    }'
}

# Prints the sha256 that a bundle's manifest has for the path $1.
sum_in_manifest() {
  plain_text "$RUN/manifest" | awk -v name="$1" '
    function value(text) { sub(/^[^:]*:[ \t]*/, "", text); gsub(/["\047]/, "", text); sub(/[ \t]+(#.*)?$/, "", text); return text }
    function base(text) { sub(/.*\//, "", text); return text }
    function done() { if (sum != "" && base(path) == base(name)) { print tolower(sum); found = 1; exit } path = ""; sum = "" }
    /^[ \t]*-/ { done(); sub(/-/, " ") }
    /^[ \t]*path:/ { path = value($0) }
    /^[ \t]*sha256:/ { sum = value($0) }
    END { if (!found) done() }'
}

# Sets EXPECTED to the sum that the payload must have; empty where there is none.
find_sum() {
  EXPECTED=
  if [ -n "$MEMBER" ]; then
    EXPECTED=$(sum_in_manifest "$MEMBER")
    return
  fi
  for file in "$PAYLOAD.sha256" SHA256SUMS sha256sums.txt; do
    [ -f "$STICK/$file" ] || continue
    EXPECTED=$(plain_text "$STICK/$file" | sum_in "$PAYLOAD")
    [ -n "$EXPECTED" ] && return
    [ "$file" != "$PAYLOAD.sha256" ] || fail "$file contains no sha256 of $PAYLOAD"
  done
}

# Reads the payload, sets SUM, and compares it with what the stick says.
check_sum() {
  find_sum
  with_progress 'Reading the image' "$LENGTH" 0 "$OFFSET" make_sum || fail "$PAYLOAD cannot be read from the stick"
  SUM=$(cut -c 1-64 "$RUN/sum")
  if [ -z "$EXPECTED" ]; then
    say "Warning: the stick has no sum of $PAYLOAD, so a damaged copy is not noticed. Its sha256 is $SUM."
  elif [ "$SUM" != "$EXPECTED" ]; then
    fail "$PAYLOAD is damaged: its sha256 is $SUM, and should be $EXPECTED. Copy it to the stick again."
  else
    say "The sum of $PAYLOAD is correct."
  fi
}

make_sum() {
  stored_bytes | sha256sum >"$RUN/sum"
}

# Prints bytes of the payload as a hexadecimal number: $2 bytes from $1.
number_at() {
  file_bytes "$2" $((OFFSET + $1)) | od -An -v -tx1 | tr -d ' \n'
}

# Sets SIZE, the bytes of the image on a disk, and refuses what cannot be written.
measure() {
  # Some publishers name qcow2 images .img.
  [ "$KIND" != raw ] || [ "$(number_at 0 4)" != 514649fb ] || KIND=qcow2
  case $KIND in
    qcow2)
      [ "$(number_at 0 4)" = 514649fb ] || fail "$PAYLOAD is not a qcow2 image"
      [ "$(number_at 8 8)" = 0000000000000000 ] || fail "$PAYLOAD needs a backing file; install a complete image"
      [ "$(number_at 32 4)" = 00000000 ] || fail "$PAYLOAD is encrypted"
      [ "$(number_at 4 4)" = 00000002 ] || [ $((0x$(number_at 79 1) & 4)) -eq 0 ] || fail "$PAYLOAD has its data in another file"
      SIZE=$((0x$(number_at 24 8)))
      ;;
    raw) SIZE=$LENGTH ;;
    *)
      # The formats do not tell it in every file. The pass also finds damage before the target is
      # touched.
      with_progress 'Measuring the image' "$LENGTH" 0 "$OFFSET" count_bytes || fail "$PAYLOAD cannot be unpacked: it is damaged"
      SIZE=$(cat "$RUN/size")
      ;;
  esac
  [ "$SIZE" -gt 1048576 ] || fail "$PAYLOAD is not a disk image: it has $SIZE bytes"
  [ $((SIZE % 512)) -eq 0 ] || fail "$PAYLOAD is not a disk image: its size is not a multiple of 512"
}

count_bytes() {
  image_bytes | wc -c >"$RUN/size"
}
