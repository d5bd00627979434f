# shellcheck shell=bash
# Paths, log messages, and a function that writes a file only if its content differs.
# shellcheck disable=SC2034 # Used by the other files.

SLM_HOME=/opt/slm-copilot
SLM_ETC=/etc/slm-copilot
SLM_STATE=/var/lib/slm-copilot
SLM_RUN=/run/slm-copilot
SLM_SCRATCH=/run/slm-copilot-scratch
SLM_USER=slm-copilot
SLM_LOGIN=copilot
SLM_FILES=$SLM_PARTS/files

slm_say() { printf '[%s] => INFO: %s\n' "$(date)" "$*"; }
slm_warn() { printf '[%s] => WARNING [!]: %s\n' "$(date)" "$*" >&2; }
slm_error() { printf '[%s] => ERROR [!!]: %s\n' "$(date)" "$*" >&2; }
slm_die() {
  slm_error "$*"
  exit 1
}

# Reports a failed command by its line only, because its arguments may contain a secret.
slm_failed() { slm_error "$1 failed in ${FUNCNAME[1]:-?}, line $2, with exit code $3"; }

# Enables strict mode in the subshell of a stage.
slm_strict() {
  set -eEuo pipefail
  shopt -s inherit_errexit
  local stage=$1
  # shellcheck disable=SC2064 # Expanded now on purpose.
  trap "slm_failed $stage \"\$LINENO\" \"\$?\"" ERR
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8
  # A trace would show secrets.
  set +x
  rm -rf "$SLM_SCRATCH"
  install -d -m 0700 -o root -g root "$SLM_SCRATCH"
  install -d -m 0755 -o root -g root "$SLM_HOME" "$SLM_HOME"/{bin,models,backends}
  install -d -m 0700 -o root -g root "$SLM_ETC" "$SLM_ETC/tls" "$SLM_RUN"
}

# Writes standard input to a file through a temporary name. Sets SLM_CHANGED to whether the file
# changed.
# args: path mode owner:group
slm_put() {
  local path=$1 mode=$2 owner=$3 new
  new=$(mktemp "$path.XXXXXX")
  cat >"$new"
  chmod "$mode" "$new"
  chown "$owner" "$new"
  if [[ -f $path && ! -L $path ]] && cmp -s "$new" "$path" &&
    [[ $(stat -c '%a %U:%G' "$path") == "$(stat -c '%a %U:%G' "$new")" ]]; then
    rm -f "$new"
    SLM_CHANGED=false
    return
  fi
  mv -fT "$new" "$path"
  SLM_CHANGED=true
}

# Replaces a path with a symbolic link atomically.
# args: target path
slm_link() {
  ln -sfn "$1" "$2.new"
  mv -fT "$2.new" "$2"
}
