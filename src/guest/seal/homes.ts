/** Finds the home folders in which the build's key may be. */
import { LIST_ACCOUNTS } from "../accounts.js";

/** Shell code that sets `$homes` to the home folders of all users, one per line. */
export const FIND_HOMES = `${LIST_ACCOUNTS}
homes=$(list_accounts 2>/dev/null | cut -d: -f6 | sort -u)`;

/** Returns shell code that runs `body` for each home folder, in `$home`. */
export const forEachHome = (body: string): string =>
  `while IFS= read -r home; do\n${body}\ndone <<HOMES\n$homes\nHOMES`;
