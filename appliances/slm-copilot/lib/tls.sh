# shellcheck shell=bash
# The certificate: the given one, otherwise one from Let's Encrypt, otherwise a self-signed one. If
# one of the first two cannot be used, the service runs with the next, and the report says why.

SLM_TLS=$SLM_ETC/tls
SLM_ACME_NAME=slm-copilot
SLM_ACME_LIVE=/etc/letsencrypt/live/$SLM_ACME_NAME
SLM_WEBROOT=/var/www/slm-copilot
# Reason why a less preferred certificate is used; for the report.
SLM_TLS_PROBLEM=$SLM_RUN/tls-problem

slm_tls_problem() {
  slm_error "$1"
  printf '%s\n' "$1" >"$SLM_TLS_PROBLEM"
}

# args: certificate, key, description
slm_use_certificate() {
  if [[ $(readlink "$SLM_TLS/server.crt" 2>/dev/null) != "$1" ]]; then
    slm_link "$2" "$SLM_TLS/server.key"
    slm_link "$1" "$SLM_TLS/server.crt"
    slm_say "The certificate is $3"
  fi
  printf '%s\n' "$3" >"$SLM_RUN/tls-kind"
}

# Prints this machine's present names and addresses as a subjectAltName.
slm_own_names() {
  local name address
  {
    echo DNS:localhost
    name=$(hostname)
    if [[ $name =~ ^[A-Za-z0-9.-]{1,253}$ ]]; then echo "DNS:$name"; fi
    if [[ -n $SLM_DOMAIN ]]; then echo "DNS:$SLM_DOMAIN"; fi
    echo IP:127.0.0.1
    while read -r address; do echo "IP:${address%/*}"; done \
      < <(ip -oneline address show scope global | awk '{ print $4 }')
  } | awk '!seen[$0]++' | paste -sd ,
}

# Creates the self-signed certificate. It is retained, because clients may pin it, until the names
# change or it expires within 30 days.
slm_make_selfsigned() {
  local names crt=$SLM_TLS/selfsigned.crt key=$SLM_TLS/selfsigned.key
  names=$(slm_own_names)
  if [[ -s $key && $(cat "$SLM_TLS/selfsigned.names" 2>/dev/null) == "$names" ]] &&
    openssl x509 -in "$crt" -noout -checkend $((30 * 86400)) >/dev/null 2>&1; then
    return
  fi
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 820 \
    -subj /CN=SLM-Copilot -addext "subjectAltName=$names" \
    -addext extendedKeyUsage=serverAuth -addext basicConstraints=critical,CA:FALSE \
    -keyout "$SLM_SCRATCH/key" -out "$SLM_SCRATCH/crt" 2>"$SLM_SCRATCH/openssl" ||
    slm_die "openssl made no certificate: $(tail -n 3 "$SLM_SCRATCH/openssl")"
  slm_put "$key" 0600 root:root <"$SLM_SCRATCH/key"
  slm_put "$crt" 0644 root:root <"$SLM_SCRATCH/crt"
  printf '%s\n' "$names" | slm_put "$SLM_TLS/selfsigned.names" 0644 root:root
  slm_say "A certificate was made for $names"
}

# Reads PEM, or PEM in base64 as OpenNebula's user inputs provide it, and prints PEM.
slm_as_pem() {
  local text
  text=$(cat)
  if [[ $text != *-----BEGIN* ]]; then
    text=$(base64 --decode --ignore-garbage <<<"$text" 2>/dev/null | tr -d '\0') || true
  fi
  printf '%s\n' "${text//$'\r'/}"
}

# Prints why the given certificate cannot be used; nothing if it can.
slm_given_problem() {
  local crt=$SLM_SCRATCH/given.crt key=$SLM_SCRATCH/given.key
  if [[ -z $SLM_TLS_CERT ]]; then echo 'ONEAPP_COPILOT_TLS_KEY is given without ONEAPP_COPILOT_TLS_CERT'
  elif [[ -z $SLM_TLS_KEY ]]; then echo 'ONEAPP_COPILOT_TLS_CERT is given without ONEAPP_COPILOT_TLS_KEY'
  elif ! openssl x509 -in "$crt" -noout 2>/dev/null; then echo 'ONEAPP_COPILOT_TLS_CERT holds no certificate'
  elif ! openssl pkey -in "$key" -passin pass: -noout 2>/dev/null; then
    echo 'ONEAPP_COPILOT_TLS_KEY holds no private key, or one with a passphrase'
  elif ! cmp -s <(openssl x509 -in "$crt" -noout -pubkey) <(openssl pkey -in "$key" -passin pass: -pubout); then
    echo 'ONEAPP_COPILOT_TLS_KEY is not the key of ONEAPP_COPILOT_TLS_CERT'
  elif ! openssl x509 -in "$crt" -noout -checkend 0 >/dev/null; then
    echo 'the certificate in ONEAPP_COPILOT_TLS_CERT has expired'
  fi
}

# Installs the given certificate. Fails if none is given or it cannot be used.
slm_take_given() {
  [[ -n $SLM_TLS_CERT || -n $SLM_TLS_KEY ]] || return 1
  slm_as_pem <<<"$SLM_TLS_CERT" >"$SLM_SCRATCH/given.crt"
  slm_as_pem <<<"$SLM_TLS_KEY" >"$SLM_SCRATCH/given.key"
  local problem
  problem=$(slm_given_problem)
  if [[ -n $problem ]]; then
    slm_tls_problem "The given certificate is refused: $problem"
    return 1
  fi
  slm_put "$SLM_TLS/given.key" 0600 root:root <"$SLM_SCRATCH/given.key"
  slm_put "$SLM_TLS/given.crt" 0644 root:root <"$SLM_SCRATCH/given.crt"
}

# Succeeds if an earlier boot obtained a certificate for this domain that is still valid.
slm_has_acme() {
  [[ -n $SLM_DOMAIN && -s $SLM_ACME_LIVE/fullchain.pem && -s $SLM_ACME_LIVE/privkey.pem ]] || return 1
  openssl x509 -in "$SLM_ACME_LIVE/fullchain.pem" -noout -checkend 0 >/dev/null &&
    openssl x509 -in "$SLM_ACME_LIVE/fullchain.pem" -noout -checkhost "$SLM_DOMAIN" | grep -q ' does match '
}

slm_configure_tls() {
  rm -f "$SLM_TLS_PROBLEM"
  slm_make_selfsigned
  if slm_take_given; then
    slm_use_certificate "$SLM_TLS/given.crt" "$SLM_TLS/given.key" 'the given one'
  elif slm_has_acme; then
    slm_use_certificate "$SLM_ACME_LIVE/fullchain.pem" "$SLM_ACME_LIVE/privkey.pem" "Let's Encrypt's"
  else
    slm_use_certificate "$SLM_TLS/selfsigned.crt" "$SLM_TLS/selfsigned.key" 'signed by itself'
  fi
}

# Requests a certificate once nginx can answer the challenge. A failure does not fail the boot.
slm_obtain_certificate() {
  [[ -n $SLM_DOMAIN && $(<"$SLM_RUN/tls-kind") != 'the given one' ]] || return 0
  local options=(--email "$SLM_ACME_EMAIL")
  [[ -n $SLM_ACME_EMAIL ]] || options=(--register-unsafely-without-email)
  [[ -z $SLM_ACME_SERVER ]] || options+=(--server "$SLM_ACME_SERVER")
  slm_say "Asking for a certificate for $SLM_DOMAIN"
  if (umask 0022 && timeout 300 certbot certonly --non-interactive --agree-tos --quiet --webroot \
    --webroot-path "$SLM_WEBROOT" --domain "$SLM_DOMAIN" --cert-name "$SLM_ACME_NAME" \
    --keep-until-expiring --renew-with-new-domains "${options[@]}") >"$SLM_SCRATCH/certbot" 2>&1 &&
    slm_has_acme; then
    slm_use_certificate "$SLM_ACME_LIVE/fullchain.pem" "$SLM_ACME_LIVE/privkey.pem" "Let's Encrypt's"
    systemctl reload nginx.service
  else
    slm_tls_problem "There is no certificate from Let's Encrypt for $SLM_DOMAIN: does the name point here, and can port 80 be reached?"
    tail -n 5 "$SLM_SCRATCH/certbot" >&2 || true
  fi
}
