# shellcheck shell=dash disable=SC2034
# Settings of the stick: installer.conf, lines of "key = value".

# Sets what holds without a file.
default_settings() {
  MODE=auto
  COUNTDOWN=10
  AFTER=reboot
  VERIFY=yes
  PAYLOAD=
  TARGET_MIN=
  TARGET_MAX=
  TARGET_MODEL='*'
  TARGET_SERIAL='*'
  TARGET_BUS=
}

# Reads a settings file. A line that is not understood ends the installer: a mistyped rule must not
# select another disk.
read_settings() {
  default_settings
  [ -f "$1" ] || return 0
  plain_text "$1" >"$RUN/settings"
  number=0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=$(trim "$line")
    case $line in
      '' | '#'*) continue ;;
      *=*) ;;
      *) bad_setting "is not of the form key = value" ;;
    esac
    set_one "$(lower "$(trim "${line%%=*}")")" "$(trim "${line#*=}")"
  done <"$RUN/settings"
}

# Ends the installer because of the current line.
bad_setting() {
  fail "Line $number of installer.conf $1: $line"
}

# Fails the installer unless $1 is one of the words $2.
one_of() {
  for word in $2; do [ "$1" = "$word" ] && return 0; done
  bad_setting "has a value that is not one of: $2"
}

# Sets one setting.
set_one() {
  case $1 in
    mode)
      one_of "$2" 'auto ask dry-run'
      MODE=$2
      ;;
    after)
      one_of "$2" 'reboot poweroff wait'
      AFTER=$2
      ;;
    verify)
      one_of "$2" 'yes no'
      VERIFY=$2
      ;;
    countdown)
      case $2 in
        '' | *[!0-9]* | ?????*) bad_setting 'is not a number of seconds below 10000' ;;
      esac
      COUNTDOWN=$2
      ;;
    payload) PAYLOAD=$2 ;;
    target.min-size) TARGET_MIN=$(parse_size "$2") || bad_setting 'is not a size such as 400G' ;;
    target.max-size) TARGET_MAX=$(parse_size "$2") || bad_setting 'is not a size such as 400G' ;;
    target.model) TARGET_MODEL=${2:-*} ;;
    target.serial) TARGET_SERIAL=${2:-*} ;;
    target.bus)
      for bus in $2; do one_of "$bus" 'nvme ata scsi virtio mmc usb'; done
      TARGET_BUS=$2
      ;;
    *) bad_setting 'has an unknown key' ;;
  esac
}
