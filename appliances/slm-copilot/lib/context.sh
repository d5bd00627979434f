# shellcheck shell=bash
# one-context's own file of variables, made right for whoever reads it after this service.

SLM_ONE_ENV=/run/one-context/one_env

# one-context writes this file for `onegate` and for net-99-report-ready, which source it. It puts
# each value between double quotes and escapes nothing (v6.10.0-3 to v7.2.1): a password with a `"`
# would keep OpenNebula from ever hearing that the machine is ready, $(…) in one would be obeyed.
# Written anew from the context itself, as the shell quotes it; the token is not part of that.
slm_mend_environment() {
  local token text
  [[ -s $SLM_ONE_ENV && -s ${CONTEXT_FILE:-} ]] || return 0
  token=$(head -n 1 "$SLM_ONE_ENV")
  # Any other form is not known here, and may well be right.
  [[ $token =~ ^export\ TOKENTXT=\"[A-Za-z0-9+/=._-]*\"$ ]] || return 0
  # Nothing but the context: the environment also has what systemd and one-context put there.
  # shellcheck disable=SC2016 # For the other shell.
  if ! text=$(env -i sh -c 'unset OLDPWD PWD; set -a; . "$1"; export -p' - "$CONTEXT_FILE" 2>/dev/null); then
    slm_warn "$SLM_ONE_ENV is as one-context wrote it: the context cannot be read"
    return 0
  fi
  printf '%s\n' "$token" "$text" | slm_put "$SLM_ONE_ENV" 0400 root:root
}
