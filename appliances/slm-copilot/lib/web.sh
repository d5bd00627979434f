# shellcheck shell=bash
# nginx: TLS, access control, CORS, and unbuffered streams.

SLM_SITE=/etc/nginx/sites-enabled/slm-copilot

slm_install_web() {
  rm -f /etc/nginx/sites-enabled/default
  install -d -m 0755 -o root -g root "$SLM_WEBROOT" \
    /etc/systemd/system/{nginx,one-context-local}.service.d
  slm_put /etc/systemd/system/nginx.service.d/slm-copilot.conf 0644 root:root \
    <"$SLM_FILES/nginx.service.conf"
  install -d -m 0755 -o root -g root /etc/letsencrypt{,/renewal-hooks{,/deploy}}
  slm_put /etc/letsencrypt/renewal-hooks/deploy/slm-copilot 0755 root:root \
    <"$SLM_FILES/renewed.sh"
  slm_put /etc/systemd/system/one-context-local.service.d/slm-copilot.conf 0644 root:root \
    <"$SLM_FILES/one-context-local.service.conf"
  systemctl daemon-reload
  # nginx must not start at boot before the context is read: until then it would accept an old
  # password and reject a new one.
  systemctl disable --now nginx.service
}

slm_configure_web() {
  local site=/etc/nginx/sites-available/slm-copilot filter=cat
  # Without IPv6 in the kernel, nginx would fail to start.
  if [[ ! -e /proc/net/if_inet6 ]]; then filter='sed /\[::\]/d'; fi
  # shellcheck disable=SC2086 # Split into words on purpose.
  $filter "$SLM_FILES/site.conf" | slm_put "$site" 0644 root:root
  slm_put /etc/nginx/slm-copilot/cors.conf 0644 root:root <"$SLM_FILES/cors.conf"
  slm_link "$site" "$SLM_SITE"
  local said
  said=$(nginx -t -q 2>&1) || slm_die "nginx refuses its configuration: $said"
}

slm_start_web() {
  # A reload lets requests in progress finish.
  systemctl reload-or-restart nginx.service
}

# Starts nginx with the previous configuration if the context was refused. Called at the end of
# every stage, while the status still shows whether the stage was completed.
slm_serve_as_before() {
  [[ $(cat "$ONE_SERVICE_STATUS" 2>/dev/null) == configure_started && -e $SLM_SITE ]] || return 0
  systemctl is-active --quiet nginx.service || systemctl start nginx.service || true
}

# Requests a completion through nginx, as a client does. The password is passed in a file, because
# every process can read arguments.
slm_ask_through_web() {
  printf 'Authorization: Basic %s\n' "$(printf '%s:%s' "$SLM_LOGIN" "$SLM_PASSWORD" | base64 -w 0)" \
    >"$SLM_SCRATCH/header"
  slm_complete 'Asking through nginx' --insecure --max-time "$((10#$SLM_READY_TIMEOUT))" \
    --header "@$SLM_SCRATCH/header" https://127.0.0.1/v1/chat/completions
}
