# shellcheck shell=bash disable=SC2034 # Used by the other files.
# Reads and validates the context's variables. Errors name the variable but not its value, which may
# be a secret.

slm_read_settings() {
  slm_problems=()
  SLM_PASSWORD=${ONEAPP_COPILOT_PASSWORD:-}
  SLM_API_KEY=${ONEAPP_COPILOT_API_KEY:-}
  SLM_DOMAIN=${ONEAPP_COPILOT_DOMAIN:-}
  SLM_ACME_EMAIL=${ONEAPP_COPILOT_ACME_EMAIL:-}
  SLM_ACME_SERVER=${ONEAPP_COPILOT_ACME_SERVER:-}
  SLM_TLS_CERT=${ONEAPP_COPILOT_TLS_CERT:-}
  SLM_TLS_KEY=${ONEAPP_COPILOT_TLS_KEY:-}
  SLM_THREADS=${ONEAPP_COPILOT_THREADS:-}
  SLM_CONTEXT_SIZE=${ONEAPP_COPILOT_CONTEXT_SIZE:-}
  SLM_READY_TIMEOUT=${ONEAPP_COPILOT_READY_TIMEOUT:-1800}

  slm_check_secret ONEAPP_COPILOT_PASSWORD "$SLM_PASSWORD"
  slm_check_secret ONEAPP_COPILOT_API_KEY "$SLM_API_KEY"
  if [[ $SLM_API_KEY == *' '* ]]; then
    slm_problem ONEAPP_COPILOT_API_KEY 'has a space in it, which no "Authorization: Bearer" can send'
  fi
  slm_check_number ONEAPP_COPILOT_THREADS "$SLM_THREADS" 1 1024
  slm_check_number ONEAPP_COPILOT_CONTEXT_SIZE "$SLM_CONTEXT_SIZE" 512 262144
  slm_check_number ONEAPP_COPILOT_READY_TIMEOUT "$SLM_READY_TIMEOUT" 5 86400
  local label='[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?'
  slm_check_form ONEAPP_COPILOT_DOMAIN "$SLM_DOMAIN" "^$label(\\.$label)+\$" 'a domain name'
  if ((${#SLM_DOMAIN} > 253)); then slm_problem ONEAPP_COPILOT_DOMAIN 'is too long'; fi
  slm_check_form ONEAPP_COPILOT_ACME_EMAIL "$SLM_ACME_EMAIL" \
    '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$' 'a mail address'
  slm_check_form ONEAPP_COPILOT_ACME_SERVER "$SLM_ACME_SERVER" \
    '^https?://[A-Za-z0-9.:/_~%?&=-]+$' 'a web address'

  ((${#slm_problems[@]} == 0)) && return
  local problem
  for problem in "${slm_problems[@]}"; do slm_error "$problem"; done
  slm_die 'The context is refused, and nothing was changed'
}

slm_problem() { slm_problems+=("$1 $2"); }

# args: name value lowest highest
slm_check_number() {
  [[ -n $2 ]] || return 0
  # At most ten digits, which bash can calculate with. 10# prevents that 010 is read as octal.
  if [[ ! $2 =~ ^[0-9]{1,10}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
    slm_problem "$1" "must be a whole number from $3 to $4"
  fi
}

# args: name value pattern what
slm_check_form() {
  [[ -n $2 ]] || return 0
  [[ $2 =~ $3 ]] || slm_problem "$1" "is not $4"
}

# Accepts values that are valid in an HTTP header and in a password file.
# args: name value
slm_check_secret() {
  [[ -n $2 ]] || return 0
  if [[ $2 =~ [[:cntrl:]] ]]; then
    slm_problem "$1" 'has a line break or another control character in it'
  fi
  # OpenSSL hashes at most 256 bytes.
  if (($(printf %s "$2" | wc -c) > 250)); then slm_problem "$1" 'is longer than 250 bytes'; fi
  if ((${#2} < 8)); then slm_warn "$1 has fewer than 8 characters"; fi
}
