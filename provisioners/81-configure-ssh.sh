#!/usr/bin/env bash
# Hardens sshd: disables passwords and DNS lookups of clients, and lets root log in by key only.
#
# sshd uses the first value of an option, so the settings are put first. The effective configuration
# is then checked with `sshd -T`.
set -euo pipefail
shopt -s nullglob

readonly CONFIG=/etc/ssh/sshd_config
readonly SETTINGS=(
  "PasswordAuthentication no"
  "KbdInteractiveAuthentication no"
  "PermitRootLogin without-password"
  "UseDNS no"
)
readonly OPTIONS='PasswordAuthentication|KbdInteractiveAuthentication|ChallengeResponseAuthentication|PermitRootLogin|UseDNS'

die() {
  printf '81-configure-ssh.sh: %s\n' "$*" >&2
  exit 1
}

command -v sshd >/dev/null || die "sshd is not installed"
[[ -f $CONFIG ]] || die "$CONFIG does not exist"

# Files of cloud-init and of cloud images contain the opposite settings.
for path in "${CONFIG}".d/*-cloud-init.conf "${CONFIG}".d/*-cloudimg-settings.conf; do
  printf 'Removing %s\n' "$path"
  rm -f "$path"
done

# Comments out other values of the options in the global part, which ends at the first Match block.
for path in "$CONFIG" "${CONFIG}".d/*.conf; do
  sed -E -i "0,/^[[:space:]]*match[[:space:]]/I s/^[[:space:]]*($OPTIONS)[[:space:]=]/# &/I" "$path"
done

if grep -qiE "^[[:space:]]*Include[[:space:]]+\"?$CONFIG\.d/" "$CONFIG"; then
  install -d -m 0755 "$CONFIG.d"
  printf '%s\n' "${SETTINGS[@]}" >"$CONFIG.d/00-hardening.conf"
  chmod 0644 "$CONFIG.d/00-hardening.conf"
else
  { printf '%s\n' "${SETTINGS[@]}" && cat "$CONFIG"; } >"$CONFIG.new"
  chmod --reference="$CONFIG" "$CONFIG.new"
  mv "$CONFIG.new" "$CONFIG"
fi

# `sshd -t` needs this folder; a socket-activated sshd creates it at the first login only.
install -d -m 0755 /run/sshd
sshd -t
effective=$(sshd -T -C user=root,host=localhost,addr=127.0.0.1)
for setting in "${SETTINGS[@]}"; do
  grep -qix -- "$setting" <<<"$effective" ||
    die "sshd does not use \"$setting\": $(grep -i -- "^${setting%% *} " <<<"$effective")"
  printf '%s\n' "$setting"
done

# A reload does not end sessions.
for unit in ssh.service sshd.service; do
  if systemctl is-active --quiet "$unit"; then systemctl reload "$unit"; fi
done
