# shellcheck shell=dash
# Memory of the stick: which machines it has installed. Without it, a machine that starts from the
# stick again would be installed again, for ever.

# Prints the path of the marker for this machine and the target.
marker_path() {
  key="$(attribute "$SYS/class/dmi/id/product_uuid") $(disk_serial "$TARGET") $(disk_model "$TARGET") $(disk_size "$TARGET")"
  printf '%s/installed/%s.txt' "$STICK" "$(printf '%s' "$key" | sha256sum | cut -c 1-16)"
}

# Returns whether the stick can be written.
stick_is_writable() {
  mkdir -p "$STICK/installed" 2>/dev/null && : >"$STICK/installed/.test" 2>/dev/null && rm -f "$STICK/installed/.test"
}

# Returns whether this payload was installed on the target before.
is_installed() {
  [ -f "$(marker_path)" ] && plain_text "$(marker_path)" | grep -qx "sha256: $SUM"
}

# Records the installation.
write_marker() {
  path=$(marker_path)
  {
    echo "image: $PAYLOAD"
    echo "sha256: $SUM"
    echo "disk: $(describe_disk "$TARGET")"
    echo "machine: $(attribute "$SYS/class/dmi/id/sys_vendor") $(attribute "$SYS/class/dmi/id/product_name") $(attribute "$SYS/class/dmi/id/product_serial")"
    echo "time: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
  } >"$path" && sync && grep -qx "sha256: $SUM" "$path"
}
