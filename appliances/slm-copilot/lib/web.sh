# shellcheck shell=bash
# nginx: TLS, who may come in, CORS, and streams as they come.

slm_install_web() {
  rm -f /etc/nginx/sites-enabled/default
  install -d -m 0755 -o root -g root "$SLM_WEBROOT" /etc/systemd/system/nginx.service.d
  slm_put /etc/systemd/system/nginx.service.d/slm-copilot.conf 0644 root:root \
    <"$SLM_FILES/nginx.service.conf"
  install -d -m 0755 -o root -g root /etc/letsencrypt{,/renewal-hooks{,/deploy}}
  slm_put /etc/letsencrypt/renewal-hooks/deploy/slm-copilot 0755 root:root \
    <"$SLM_FILES/renewed.sh"
  systemctl daemon-reload
  # Until it is configured it would show its welcome page.
  systemctl disable --now nginx.service
}

slm_configure_web() {
  local site=/etc/nginx/sites-available/slm-copilot filter=cat
  # A kernel without IPv6 cannot listen on it, and nginx would not start.
  if [[ ! -e /proc/net/if_inet6 ]]; then filter='sed /\[::\]/d'; fi
  # shellcheck disable=SC2086 # Words, on purpose.
  $filter "$SLM_FILES/site.conf" | slm_put "$site" 0644 root:root
  slm_put /etc/nginx/slm-copilot/cors.conf 0644 root:root <"$SLM_FILES/cors.conf"
  slm_link "$site" /etc/nginx/sites-enabled/slm-copilot
  local said
  said=$(nginx -t -q 2>&1) || slm_die "nginx refuses its configuration: $said"
}

slm_start_web() {
  systemctl is-enabled --quiet nginx.service || systemctl enable --quiet nginx.service
  # A reload lets answers that are under way come to their end.
  systemctl reload-or-restart nginx.service
}

# The way a client takes, with the password in a file: arguments can be read by every process.
slm_ask_through_web() {
  printf 'Authorization: Basic %s\n' "$(printf '%s:%s' "$SLM_LOGIN" "$SLM_PASSWORD" | base64 -w 0)" \
    >"$SLM_SCRATCH/header"
  slm_complete 'Asking through nginx' --insecure --max-time "$((10#$SLM_READY_TIMEOUT))" \
    --header "@$SLM_SCRATCH/header" https://127.0.0.1/v1/chat/completions
}
