/** Reads the guest's user accounts with programs that every guest has. */

/**
 * Shell function that prints the accounts in the format of passwd(5): those of /etc/passwd, and
 * those of other sources such as LDAP where the guest has getent. An account may appear twice.
 */
export const LIST_ACCOUNTS = `
list_accounts() {
  cat /etc/passwd
  ! command -v getent >/dev/null 2>&1 || getent passwd
}`;

/**
 * Shell function that prints the login shell of the user `$1`; nothing where there is no such user.
 * Needs {@link LIST_ACCOUNTS}.
 */
export const LOGIN_SHELL = `
login_shell() {
  list_accounts 2>/dev/null | while IFS=: read -r name _ _ _ _ _ shell; do
    [ "$name" != "$1" ] || { printf '%s\\n' "$shell"; break; }
  done
}`;
