/**
 * Grants the build access to a guest whose template has user-data. That user-data may configure
 * users, keys and root in any form that cloud-init accepts, so the build's key is installed beside
 * it by a boothook, which cloud-init runs at each boot regardless of other configuration.
 */
import { shellQuote } from "../host/programs.js";

/**
 * Sudo rule that gives the build's user root privileges. The last command of the seal removes it.
 */
export const SUDO_RULE = "/etc/sudoers.d/zz-vmbuild-build";

/**
 * Shell function that adds `$key` to the file in which sshd looks for the keys of `$user`, as
 * determined by cloud-init.
 */
export const LET_IN = String.raw`
let_in() {
  home=$({ getent passwd "$user" || grep "^$user:" /etc/passwd; } 2>/dev/null | head -n 1 | cut -d: -f6)
  [ -n "$home" ] || return
  set -f
  set -- $(cat /etc/ssh/sshd_config.d/*.conf /etc/ssh/sshd_config |
    sed -n 's/^[[:space:]]*[Aa]uthorized[Kk]eys[Ff]ile[[:space:]=]*//p' | head -n 1)
  case ${"$"}{1:-none} in none) set -- .ssh/authorized_keys ;; esac
  set +f
  file=$(printf '%s\n' "$1" | sed "s|%h|$home|g; s|%u|$user|g; s|%%|%|g")
  case $file in /*) ;; *) file=$home/$file ;; esac
  grep -qF "$key" "$file" && return
  folder=${"$"}{file%/*}
  case $file in
    "$home"/*) owner=$user mode=0600 ;;
    *) owner=root mode=0644 ;;
  esac
  [ -d "$folder" ] || { mkdir -p -m 0700 "$folder"; chown "$owner:" "$folder"; }
  [ -e "$file" ] || { : >"$file"; chown "$owner:" "$file"; chmod "$mode" "$file"; }
  # A last line without an end would swallow the key.
  [ -z "$(tail -c 1 "$file")" ] || echo >>"$file"
  printf '%s\n' "$key" >>"$file"
  ! command -v restorecon || restorecon -R "$folder"
}
`;

/**
 * Waits for cloud-init to create the user. cloud-init creates the users of the user-data, with
 * their keys, after this hook, and would not configure a user that exists already. sshd starts
 * after that stage.
 */
const MEET_USER = String.raw`
cloud_init=$PPID
stage_over() {
  kill -0 "$cloud_init" || return 0
  # From 24.3 on one process runs all stages.
  tr -d ' \n' </run/cloud-init/status.json |
    grep -q '"init":{"errors":\[[^]]*\],"finished":[0-9]'
}
meet() {
  until stage_over; do sleep 0.5; done
  id "$user" || useradd -m -s /bin/bash "$user" || adduser -D "$user"
  [ -d /etc/sudoers.d ] || mkdir -m 0750 /etc/sudoers.d
  (umask 0337; printf '%s ALL=(ALL) NOPASSWD:ALL\n' "$user" >"$rule")
  let_in
}
meet &
`;

/**
 * Returns the boothook as text.
 * @param user the user that the build logs in as.
 * @param key an OpenSSH public key.
 */
export function loginHook(user: string, key: string): string {
  return [
    "#cloud-boothook",
    "#!/bin/sh",
    "# Lets vmbuild in while an image is built; vmbuild removes key and rule before it is done.",
    `user=${shellQuote(user)} key=${shellQuote(key.trim())} rule=${SUDO_RULE}`,
    // A background process must not keep cloud-init's files open.
    "exec </dev/null >/dev/null 2>&1",
    LET_IN.trim(),
    user === "root" ? "let_in" : MEET_USER.trim(),
    "exit 0",
    "",
  ].join("\n");
}
