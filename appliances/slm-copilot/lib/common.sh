# shellcheck shell=bash
# Where things lie, how the log reads, and files that change only when they differ.
# shellcheck disable=SC2034 # The other parts read them.

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

# The command is not shown as it was run: a secret could be in it.
slm_failed() { slm_error "$1 failed in ${FUNCNAME[1]:-?}, line $2, with exit code $3"; }

# Strict mode for the subshell of one stage.
slm_strict() {
  set -eEuo pipefail
  shopt -s inherit_errexit
  local stage=$1
  # shellcheck disable=SC2064 # The stage is known now.
  trap "slm_failed $stage \"\$LINENO\" \"\$?\"" ERR
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8
  # A debugger's trace would show secrets.
  set +x
  rm -rf "$SLM_SCRATCH"
  install -d -m 0700 -o root -g root "$SLM_SCRATCH"
  install -d -m 0755 -o root -g root "$SLM_HOME" "$SLM_HOME"/{bin,models,backends}
  install -d -m 0700 -o root -g root "$SLM_ETC" "$SLM_ETC/tls" "$SLM_RUN"
}

# Writes standard input to a file through a temporary name; SLM_CHANGED says whether that changed
# anything.
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

# Puts a link in place of whatever is there, in one step.
# args: target path
slm_link() {
  ln -sfn "$1" "$2.new"
  mv -fT "$2.new" "$2"
}
