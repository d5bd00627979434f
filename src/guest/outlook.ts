/** What lies ahead: whether the guest is about to end, and whether it would let the build in anew. */
import { z } from "zod";
import { shellQuote } from "../host/programs.js";

/** How a guest ends. `unknown` where its init system does not say. */
export type Ending = "reboot" | "poweroff" | "halt" | "unknown";

/** What a guest has ahead of it. */
export interface Outlook {
  /** It is going down now, or is to at a time in milliseconds since the epoch of its own clock. */
  readonly ending?: { readonly how: Ending; readonly at: number | undefined };
  /** Why a new login as the build's user would come to nothing. */
  readonly login?: string;
}

const MARK = "vmbuild-outlook";

/**
 * Prints how the system is about to end, if it is: a shutdown at a time, which systemd notes in a
 * file, or one that goes on.
 */
const ENDING = `
say_ending() {
  if [ -e /run/systemd/shutdown/scheduled ]; then
    mode= usec=
    while IFS='=' read -r name value; do
      case $name in MODE) mode=$value ;; USEC) usec=$value ;; esac
    done </run/systemd/shutdown/scheduled
    echo "${MARK} at $mode $usec"
  elif [ -d /run/systemd/system ]; then
    [ "$(systemctl is-system-running 2>/dev/null)" = stopping ] || return 0
    job=$(systemctl list-jobs --plain --no-legend 2>/dev/null |
      grep -oE '(poweroff|reboot|halt|kexec)[.]target' | head -n 1)
    echo "${MARK} now $job"
  elif command -v rc-status >/dev/null 2>&1; then
    case $(rc-status -r 2>/dev/null) in
      shutdown) echo "${MARK} now poweroff" ;;
      reboot) echo "${MARK} now reboot" ;;
    esac
  else
    case $(runlevel 2>/dev/null) in
      *" 0") echo "${MARK} now poweroff" ;;
      *" 6") echo "${MARK} now reboot" ;;
    esac
  fi
}
say_ending
`;

/**
 * Prints why PAM's account check, or the shell, would keep the user from running commands
 * (shadow(5), pam_nologin(8)).
 */
const login = (user: string): string => `
say_login() {
  user=${shellQuote(user)}
  if [ "$user" != root ]; then
    for file in /etc/nologin /run/nologin; do
      [ ! -e "$file" ] || echo "${MARK} login $file is there, which keeps everybody but root out"
    done
  fi
  shell=$(getent passwd "$user" | cut -d: -f7)
  case $shell in
    */nologin | */false) echo "${MARK} login its shell is $shell" ;;
    ?*) [ -x "$shell" ] || echo "${MARK} login its shell $shell cannot be run" ;;
  esac
  line=
  while IFS= read -r entry; do
    case $entry in "$user":*) line=$entry ;; esac
  done 2>/dev/null </etc/shadow
  IFS=: read -r _ _ last _ most _ _ end _ <<LINE
$line
LINE
  today=$(($(date +%s) / 86400))
  if [ "$last" = 0 ]; then
    echo "${MARK} login its password has to be changed at the next login"
  elif [ -n "$last" ] && [ -n "$most" ] && [ "$most" -ge 0 ] && [ $((last + most)) -lt "$today" ]; then
    echo "${MARK} login its password has expired"
  fi
  if [ -n "$end" ] && [ "$end" -ge 0 ] && [ "$end" -lt "$today" ]; then
    echo "${MARK} login the account has expired"
  fi
}
say_login
`;

/** A shell script that prints what {@link readOutlook} reads. */
export function outlookScript(user: string): string {
  return `${ENDING}\n${login(user)}`;
}

const ENDINGS = z.enum(["reboot", "poweroff", "halt"]);

function endingOf(word: string | undefined): Ending {
  const name = word?.replace(/\.target$/, "").replace(/^kexec$/, "reboot");
  return ENDINGS.safeParse(name).data ?? "unknown";
}

/** Reads what the script printed; what a shell of the guest's prints of its own accord is passed over. */
export function readOutlook(lines: readonly string[]): Outlook {
  const said = lines.flatMap((line) => {
    const start = line.indexOf(`${MARK} `);
    return start === -1 ? [] : [line.slice(start + MARK.length + 1).trimEnd()];
  });
  const [when, how, usec] = said.find((text) => !text.startsWith("login "))?.split(" ") ?? [];
  const reasons = said.flatMap((text) => (text.startsWith("login ") ? [text.slice(6)] : []));
  const at = when === "at" && usec ? Number(usec) / 1000 : undefined;
  return {
    ...(when === undefined ? {} : { ending: { how: endingOf(how), at } }),
    ...(reasons.length > 0 ? { login: reasons.join("; ") } : {}),
  };
}

const WORDS: Record<Ending, string> = {
  reboot: "restarting",
  poweroff: "powering off",
  halt: "halting",
  unknown: "shutting down",
};

/** What a guest is about to do, in words that follow "The guest is". */
export function describeEnding({ how, at }: NonNullable<Outlook["ending"]>): string {
  if (at === undefined) return WORDS[how];
  const name = how === "unknown" ? "shutdown" : how;
  return `about to end: a ${name} is scheduled for ${new Date(at).toISOString()}`;
}
