# shellcheck shell=bash
# Reports to the owner: /etc/one-appliance/config for root, and a login message without secrets.

SLM_REPORT=${ONE_SERVICE_REPORT:-/etc/one-appliance/config}
SLM_GREETING=/etc/motd.d/slm-copilot

slm_host() {
  local address
  if [[ -n $SLM_DOMAIN ]]; then
    echo "$SLM_DOMAIN"
    return
  fi
  address=$(ip -oneline address show scope global | awk '{ print $4; exit }')
  address=${address%/*}
  if [[ $address == *:* ]]; then address="[$address]"; fi
  echo "${address:-127.0.0.1}"
}

# Prints a reference to the variable if the value was given in the context, otherwise the value.
# args: variable name, value
slm_shown() {
  if [[ -n ${!1:-} ]]; then echo "as given in $1"; else echo "$2"; fi
}

# args: status
slm_write_report() {
  local endpoint fingerprint tls
  endpoint=https://$(slm_host)
  fingerprint=$(openssl x509 -in "$SLM_TLS/server.crt" -noout -fingerprint -sha256 | cut -d = -f 2)
  tls=$(<"$SLM_RUN/tls-kind")
  {
    cat <<END
[SLM-Copilot]
status       = $1
endpoint     = $endpoint
base_url     = $endpoint/v1
model        = $SLM_MODEL
context_size = $(sed -n 's/^context_size: //p' "$SLM_HOME/models/$SLM_MODEL.yaml")
threads      = $(sed -n 's/^threads: //p' "$SLM_HOME/models/$SLM_MODEL.yaml")
user         = $SLM_LOGIN
password     = $(slm_shown ONEAPP_COPILOT_PASSWORD "$SLM_PASSWORD")
api_key      = $(slm_shown ONEAPP_COPILOT_API_KEY 'the password')
certificate  = $tls
sha256       = $fingerprint
END
    if [[ -s $SLM_TLS_PROBLEM ]]; then echo "tls_problem  = $(<"$SLM_TLS_PROBLEM")"; fi
    cat <<END

[Cline]
API Provider = OpenAI Compatible
Base URL     = $endpoint/v1
API Key      = the api_key above
Model ID     = $SLM_MODEL
END
  } | slm_put "$SLM_REPORT" 0600 root:root
  install -d -m 0755 -o root -g root "$(dirname "$SLM_GREETING")"
  {
    echo
    echo "  SLM-Copilot: $SLM_MODEL at $endpoint/v1 is $1"
    echo "  The certificate is $tls. Credentials: $SLM_REPORT"
    if [[ -s $SLM_TLS_PROBLEM ]]; then echo "  $(<"$SLM_TLS_PROBLEM")"; fi
    echo
  } | slm_put "$SLM_GREETING" 0644 root:root
}
