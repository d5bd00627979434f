# shellcheck shell=dash
# Output to all consoles, and keys from all of them.
# CONSOLES: paths of the consoles. RUN: folder for working files. File descriptor 3: the keys.

# Opens the keys: what is typed on any console arrives in one pipe.
open_consoles() {
  mkfifo "$RUN/keys" 2>/dev/null || [ -p "$RUN/keys" ]
  exec 3<>"$RUN/keys"
  READERS=
  for console in $CONSOLES; do
    [ -c "$console" ] || continue
    stty -icanon -echo min 1 time 0 <"$console" 2>/dev/null || continue
    cat "$console" >"$RUN/keys" 2>/dev/null &
    READERS="$READERS $!"
  done
}

# Gives the consoles back.
close_consoles() {
  for reader in $READERS; do kill "$reader" 2>/dev/null; done
  for console in $CONSOLES; do
    [ -c "$console" ] && stty sane <"$console" 2>/dev/null
  done
  return 0
}

# Prints text as it is. A console without hardware behind it must not end the installer.
print() {
  for console in $CONSOLES; do
    printf '%s' "$1" >>"$console" 2>/dev/null || :
  done
}

# Prints a line, and keeps it in the log.
say() {
  print "$1$CRLF"
  printf '%s\n' "$1" >>"$RUN/log"
}

# Replaces the current line; for progress and countdowns.
status_line() {
  print "$CR$1   "
}

# Reads one key into KEY, at most $1 seconds; fails where none was pressed. Enter is the empty key.
read_key() {
  # shellcheck disable=SC3045 # The shell is busybox'.
  IFS= read -r -n 1 -t "$1" KEY <&3
}

# Reads one key into KEY, however long it takes.
wait_key() {
  # shellcheck disable=SC3045 # The shell is busybox'.
  IFS= read -r -n 1 KEY <&3
}

# Reads a line into LINE and shows what is typed.
read_line() {
  LINE=
  print "$1"
  while wait_key; do
    case $KEY in
      '') break ;;
      "$BACKSPACE" | "$DELETE")
        [ -n "$LINE" ] && print "$BACKSPACE $BACKSPACE"
        LINE=${LINE%?}
        ;;
      *)
        LINE=$LINE$KEY
        print "$KEY"
        ;;
    esac
  done
  print "$CRLF"
}

# Counts down from $1 seconds with the text $2; fails when a key stops it.
countdown() {
  left=$1
  while [ "$left" -gt 0 ]; do
    status_line "$2 in $left s; any key stops it"
    if read_key 1; then
      print "$CRLF"
      return 1
    fi
    left=$((left - 1))
  done
  print "$CRLF"
}

CR=$(printf '\r')
CRLF=$(printf '\r\n.')
CRLF=${CRLF%.}
BACKSPACE=$(printf '\b')
DELETE=$(printf '\177')
