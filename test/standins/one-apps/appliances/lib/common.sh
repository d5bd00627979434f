# shellcheck shell=bash
# STAND-IN for one-apps' appliances/lib/common.sh: the helpers that appliances call.

msg() {
  local kind=$1
  shift
  printf '[%s] => %s: %s\n' "$(date)" "${kind^^}" "$*"
  [ "$kind" != error ]
}

default_service_help() {
  local index
  for ((index = 0; index < ${#ONE_SERVICE_PARAMS[@]}; index += 4)); do
    printf '%-32s %-10s %s\n' "${ONE_SERVICE_PARAMS[@]:index:3}"
  done
}
