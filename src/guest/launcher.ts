/**
 * Starts commands in the guest, whatever the login shell of the user is. The login shell reads one
 * line, which has the same meaning in POSIX shells, csh, tcsh and fish, and is replaced by /bin/sh.
 */

/**
 * Program through which commands become root: none for root itself. The programs are called such
 * that they fail, and do not ask, where they need a password.
 */
export type Privilege = "root" | "sudo" | "doas";

const PREFIXES: Record<Privilege, string> = { root: "", sudo: "sudo -n ", doas: "doas -n " };

/** Returns the command line of a shell that reads its commands from standard input. */
export function shellProgram(privilege: Privilege): string {
  return `exec ${PREFIXES[privilege]}/bin/sh`;
}

/** Characters that no shell interprets inside single or double quotes. */
const PLAIN = /[\w ./,:;=@%+*?{}()[\]<>|&#~^-]/;

/** Encodes a script as text for `printf %b`, without quotes, line breaks and lone backslashes. */
function encode(script: string): string {
  return [...Buffer.from(script)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return byte < 128 && PLAIN.test(character)
        ? character
        : `\\0${byte.toString(8).padStart(3, "0")}`;
    })
    .join("");
}

/**
 * Returns the command line that runs a script with /bin/sh; standard input remains for the script.
 * The script is encoded: csh accepts no line break inside quotes and replaces `!` there, and fish
 * interprets some backslashes. The encoding costs no program, since printf is built into /bin/sh.
 */
export function commandLine(script: string, privilege: Privilege): string {
  return `${shellProgram(privilege)} -c 'eval "$(printf %b "${encode(script)}")"'`;
}
