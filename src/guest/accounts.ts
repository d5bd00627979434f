/** Reads the guest's user accounts with programs that every guest has. */

/**
 * Shell function that prints the accounts in the format of passwd(5): those of /etc/passwd, and
 * those of other sources such as LDAP where the guest has getent. An account may appear twice.
 */
export const LIST_ACCOUNTS = `
list_accounts() {
  # Without cat: an emulated guest takes a tenth of a second to start a program.
  while IFS= read -r account || [ -n "$account" ]; do printf '%s\\n' "$account"; done </etc/passwd
  ! command -v getent >/dev/null 2>&1 || getent passwd
}`;

/**
 * Shell function that prints the login shell of the user `$1`; nothing where there is no such user.
 */
export const LOGIN_SHELL = `
find_shell() {
  while IFS=: read -r name _ _ _ _ _ shell || [ -n "$name" ]; do
    [ "$name" != "$1" ] || { printf '%s\\n' "$shell"; return 0; }
  done
  return 1
}
login_shell() {
  find_shell "$1" 2>/dev/null </etc/passwd && return
  ! command -v getent >/dev/null 2>&1 || getent passwd "$1" | find_shell "$1"
}`;
