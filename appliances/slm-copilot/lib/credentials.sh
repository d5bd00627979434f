# shellcheck shell=bash
# Access to the API: by the password of the user copilot, or by the API key as a bearer token.

SLM_KEPT_PASSWORD=$SLM_ETC/password
SLM_WEB_SECRETS=/etc/nginx/slm-copilot

# Sets SLM_PASSWORD to the given password, or to one that is generated at the first boot.
slm_decide_password() {
  [[ -z $SLM_PASSWORD ]] || return 0
  if [[ ! -s $SLM_KEPT_PASSWORD ]]; then
    # 24 of 62 characters have 142 bits. A fixed amount is read, so that no program fails.
    local random
    random=$(head -c 512 /dev/urandom | base64 -w 0 | tr -d '+/=')
    printf '%s\n' "${random:0:24}" | slm_put "$SLM_KEPT_PASSWORD" 0600 root:root
    slm_say 'A password was made; it is in /etc/one-appliance/config'
  fi
  SLM_PASSWORD=$(<"$SLM_KEPT_PASSWORD")
}

# Sets SLM_API_KEY to the given key, or to the password, so that both change together.
slm_decide_api_key() {
  [[ -n $SLM_API_KEY ]] || SLM_API_KEY=$SLM_PASSWORD
}

# Succeeds if the password file already contains the password. A new salt would change the file.
slm_is_same_password() {
  local line salt
  [[ -s $SLM_WEB_SECRETS/htpasswd ]] || return 1
  line=$(<"$SLM_WEB_SECRETS/htpasswd")
  [[ $line =~ ^$SLM_LOGIN:\$6\$([^\$]+)\$ ]] || return 1
  salt=${BASH_REMATCH[1]}
  [[ $line == "$SLM_LOGIN:$(printf '%s\n' "$SLM_PASSWORD" | openssl passwd -6 -salt "$salt" -stdin)" ]]
}

# Prints a regular expression that matches only this text, with each byte as a hexadecimal escape.
slm_as_pattern() {
  printf %s "$1" | od -An -v -tx1 | tr -d '\n' | sed -E 's/ ([0-9a-f]{2})/\\x\1/g'
}

slm_configure_credentials() {
  slm_decide_password
  slm_decide_api_key
  # nginx's workers read the password file at each request; only its master process reads the key.
  install -d -m 0750 -o root -g www-data "$SLM_WEB_SECRETS"
  if ! slm_is_same_password; then
    printf '%s\n' "$SLM_PASSWORD" | openssl passwd -6 -stdin | sed "s/^/$SLM_LOGIN:/" |
      slm_put "$SLM_WEB_SECRETS/htpasswd" 0640 root:www-data
    slm_say "The password of $SLM_LOGIN is set"
  fi
  chown root:www-data "$SLM_WEB_SECRETS/htpasswd"
  chmod 0640 "$SLM_WEB_SECRETS/htpasswd"
  # nginx compares plain texts in a map case-insensitively, so a regular expression is used.
  slm_put "$SLM_WEB_SECRETS/key.conf" 0600 root:root <<END
map \$http_authorization \$slm_realm {
  default "SLM-Copilot";
  "~^(?i:bearer) +$(slm_as_pattern "$SLM_API_KEY")\$" off;
}
END
  if $SLM_CHANGED; then slm_say 'The API key is set'; fi
}
