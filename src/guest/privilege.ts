/** Determines how the build's user becomes root, and grants sudo without a password where needed. */
import { VmbuildError } from "../errors.js";
import { shellQuote } from "../host/programs.js";
import { SUDO_RULE } from "../seed/login-hook.js";
import type { Connection } from "./connection.js";
import type { Privilege } from "./launcher.js";
import type { Login } from "./login.js";
import { runQuietly } from "./script.js";

/** Time limit. Milliseconds. */
const DEADLINE_MS = 120_000;

/** Shell code that prints the first program that makes the user root without a password. */
const FIND = `
for program in sudo doas; do
  command -v "$program" >/dev/null 2>&1 || continue
  "$program" -n true 2>/dev/null && { echo "privilege $program"; exit; }
done`;

/**
 * Returns shell code that installs a sudo rule for a user that needs its password for sudo. The
 * seal's last command removes the rule. The password goes to sudo's standard input and appears in
 * no argument list.
 */
function grantSudo(user: string, password: string): string {
  const rule = `umask 0337; mkdir -p /etc/sudoers.d; printf "%s ALL=(ALL) NOPASSWD:ALL\\n" ${user} >${SUDO_RULE}`;
  return `
if command -v sudo >/dev/null 2>&1; then
  printf '%s\\n' ${shellQuote(password)} | sudo -S -p '' /bin/sh -c '${rule}' &&
    sudo -n true && echo "privilege sudo"
fi`;
}

/**
 * Determines how the login user becomes root: not at all for root itself, else by sudo or doas. A
 * user that needs the password of the login for sudo gets a rule.
 * @throws {VmbuildError} GUEST_SHELL when neither works; GUEST_LOST.
 */
export async function findPrivilege(
  connection: Connection,
  { user, password }: Pick<Login, "user" | "password">,
  signal: AbortSignal,
): Promise<Privilege> {
  if (user === "root") return "root";
  const script = `${FIND}\n${password === undefined ? "" : grantSudo(user, password)}`;
  const { lines, output } = await runQuietly(connection, script, signal, {
    timeoutMs: DEADLINE_MS,
  });
  const found = (["sudo", "doas"] as const).find((name) => lines.includes(`privilege ${name}`));
  if (found) return found;
  throw new VmbuildError(
    "GUEST_SHELL",
    `The user ${user} can become root by neither sudo nor doas`,
    {
      lines: output,
      hint:
        "Allow the user to run all commands in the base: by sudo, without a password or with the one " +
        "of ssh.password, or by doas without a password (nopass). Or log in as root (ssh.user).",
    },
  );
}
