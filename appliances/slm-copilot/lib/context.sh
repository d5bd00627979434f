# shellcheck shell=bash
# Corrects one-context's own file of variables for the programs that read it after this service.

SLM_ONE_ENV=/run/one-context/one_env

# `onegate` and net-99-report-ready source this file. one-context encloses values in double quotes
# without escaping them (v6.10.0-3 to v7.2.1): with a `"` in a password the machine would never be
# reported as ready, and $(…) would be executed. The file is written again from the context, quoted
# by the shell. The token is not part of the context and is copied.
slm_mend_environment() {
  local token text
  [[ -s $SLM_ONE_ENV && -s ${CONTEXT_FILE:-} ]] || return 0
  token=$(head -n 1 "$SLM_ONE_ENV")
  # A line of another form may be correct, and is left unchanged.
  [[ $token =~ ^export\ TOKENTXT=\"[A-Za-z0-9+/=._-]*\"$ ]] || return 0
  # Starts from an empty environment, because that of systemd and one-context has other variables.
  # shellcheck disable=SC2016 # Expanded by the inner shell.
  if ! text=$(env -i sh -c 'unset OLDPWD PWD; set -a; . "$1"; export -p' - "$CONTEXT_FILE" 2>/dev/null); then
    slm_warn "$SLM_ONE_ENV is as one-context wrote it: the context cannot be read"
    return 0
  fi
  printf '%s\n' "$token" "$text" | slm_put "$SLM_ONE_ENV" 0400 root:root
}
