/** Finds the home folders in which the build's key may be. */
import { LIST_ACCOUNTS } from "../accounts.js";

/**
 * Shell code that sets `$homes` to the home folders of all users, one per line. The shell itself
 * leaves out most that appear twice: an emulated guest takes half a second to start a pipe of
 * programs.
 */
export const FIND_HOMES = `${LIST_ACCOUNTS}
homes=
while IFS=: read -r _ _ _ _ _ home _; do
  # A directory of a network may have thousands.
  [ "\${#homes}" -gt 20000 ] || case "
$homes
" in *"
$home
"*) continue ;; esac
  homes="\${homes:+$homes
}$home"
done <<ACCOUNTS
$(list_accounts 2>/dev/null)
ACCOUNTS`;

/** Returns shell code that runs `body` for each home folder, in `$home`. */
export const forEachHome = (body: string): string =>
  `while IFS= read -r home; do\n${body}\ndone <<HOMES\n$homes\nHOMES`;
