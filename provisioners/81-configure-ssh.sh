#!/usr/bin/env bash
# Hardens sshd: no passwords, root by key alone, no DNS look-ups of clients.
#
# The settings go where sshd reads them first, since its first value for an option wins, and what
# sshd itself then says is checked.
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

command -v sshd >/dev/null || die "there is no sshd"
[[ -f $CONFIG ]] || die "there is no $CONFIG"

# What cloud-init and cloud images put there says the opposite.
for path in "${CONFIG}".d/*-cloud-init.conf "${CONFIG}".d/*-cloudimg-settings.conf; do
  printf 'Removing %s\n' "$path"
  rm -f "$path"
done

# Up to the first Match block, which ends the global part, nobody else says anything about them.
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

# sshd answers only where its folder is there; a socket-activated one makes it at the first login.
install -d -m 0755 /run/sshd
sshd -t
effective=$(sshd -T -C user=root,host=localhost,addr=127.0.0.1)
for setting in "${SETTINGS[@]}"; do
  grep -qix -- "$setting" <<<"$effective" ||
    die "sshd does not have \"$setting\": $(grep -i -- "^${setting%% *} " <<<"$effective")"
  printf '%s\n' "$setting"
done

# A reload keeps the sessions that there are.
for unit in ssh.service sshd.service; do
  if systemctl is-active --quiet "$unit"; then systemctl reload "$unit"; fi
done
