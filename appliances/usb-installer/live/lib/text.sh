# shellcheck shell=dash
# Sizes and text files as people write them.

# Prints a number of bytes for people: "14.9 GiB".
show_size() {
  if [ "$1" -ge 1099511627776 ]; then
    unit=TiB tenths=$(($1 * 10 / 1099511627776))
  elif [ "$1" -ge 1073741824 ]; then
    unit=GiB tenths=$(($1 * 10 / 1073741824))
  else
    unit=MiB tenths=$(($1 * 10 / 1048576))
  fi
  printf '%d.%d %s' $((tenths / 10)) $((tenths % 10)) "$unit"
}

# Prints the bytes of a size such as "500G" (powers of 1024) or "500GB" (powers of 1000); fails for
# any other text.
parse_size() {
  number=${1%%[!0-9]*}
  unit=${1#"$number"}
  # Longer numbers do not fit the shell's arithmetic.
  [ -n "$number" ] && [ ${#number} -le 12 ] || return 1
  number=$(printf '%s' "$number" | sed 's/^0*\(.\)/\1/')
  case $unit in
    '' | B) factor=1 ;;
    K | KiB) factor=1024 ;;
    M | MiB) factor=1048576 ;;
    G | GiB) factor=1073741824 ;;
    T | TiB) factor=1099511627776 ;;
    kB | KB) factor=1000 ;;
    MB) factor=1000000 ;;
    GB) factor=1000000000 ;;
    TB) factor=1000000000000 ;;
    *) return 1 ;;
  esac
  [ "$number" -le $((9000000000000000000 / factor)) ] || return 1
  printf '%s' $((number * factor))
}

# Prints a text file without what editors of Windows add: a byte order mark, carriage returns.
plain_text() {
  sed -e "1s/^$MARK//" -e "s/$RETURN\$//" "$1"
}

# Prints text in lower case.
lower() {
  printf '%s' "$1" | tr '[:upper:]' '[:lower:]'
}

# Prints text without white space at its ends.
trim() {
  printf '%s' "$1" | sed 's/^[[:space:]]*//; s/[[:space:]]*$//'
}

MARK=$(printf '\357\273\277')
RETURN=$(printf '\r')
