/** Shell code by which root runs a command as another user of the guest. */
import { shellQuote } from "../host/programs.js";
import type { OutputMarker } from "./output-marker.js";
import { reportProblem } from "./script-problem.js";

/**
 * Returns shell code that evaluates the environment in `$e` and runs a command as a user, with the
 * script at the path `$f` as `$1`. The user gets the script. HOME, USER, LOGNAME and SHELL are
 * those of the user, as after a login; the environment may replace them. It has no influence on the
 * programs that switch the user, whose paths are looked up before.
 *
 * setpriv(1) of util-linux comes first: it starts no PAM session and stays in the session of the
 * wrapper, which a deadline ends. busybox has only su, which does the same there.
 * @param command shell code without line breaks.
 */
export function asUser(marker: OutputMarker, user: string, command: string): string {
  const name = shellQuote(user);
  const noUser = reportProblem(marker, "user");
  const noSwitch = reportProblem(marker, "switch");
  // The path of the script needs no quotes.
  const inner = `"set -- $1; "${shellQuote(command)}`;
  const ids = '--reuid="$3" --regid="$4" --init-groups';
  return `
a=$(getent passwd ${name} 2>/dev/null)
[ -n "$a" ] || while IFS= read -r l; do case $l in ${name}:*) a=$l ;; esac; done </etc/passwd
[ -n "$a" ] || ${noUser}
IFS=: read -r n _ i g _ h s <<ACCOUNT
$a
ACCOUNT
chown "$i" "$f" || ${noSwitch}
cd /
set -- "$f" "$n" "$i" "$g"
if [ "$i" = 0 ]; then w=
elif w=$(command -v setpriv) && "$w" ${ids} true 2>/dev/null; then :
elif w=$(command -v su); then :
else ${noSwitch}; fi
set -- "$@" "$w"
export HOME="\${h:-/}" USER="$n" LOGNAME="$n" SHELL="\${s:-/bin/sh}"
eval "$e"
case $5 in
  "") exec /bin/sh -c ${inner} ;;
  */setpriv) exec "$5" ${ids} /bin/sh -c ${inner} ;;
  *) exec "$5" -m -s /bin/sh -c ${inner} "$2" ;;
esac
`;
}
