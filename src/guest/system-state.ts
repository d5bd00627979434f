/** Reads whether the guest is about to shut down, and whether it would accept a new login. */
import { z } from "zod";
import { shellQuote } from "../host/programs.js";
import { LOGIN_SHELL } from "./accounts.js";

/** Kind of a shutdown. `unknown` where the init system does not report it. */
export type ShutdownKind = "reboot" | "poweroff" | "halt" | "unknown";

/** Pending changes of the guest that affect the connection. */
export interface SystemState {
  /**
   * Shutdown in progress, or scheduled for `at` (milliseconds since the epoch by the guest's
   * clock).
   */
  readonly pendingShutdown?: { readonly kind: ShutdownKind; readonly at: number | undefined };
  /** Reason why a new login as the build's user would fail. */
  readonly loginProblem?: string;
}

const MARKER = "vmbuild-outlook";

/** Prints whether a shutdown is in progress or is scheduled in systemd's file. */
const SHUTDOWN_SCRIPT = `
say_ending() {
  if [ -e /run/systemd/shutdown/scheduled ]; then
    mode= usec=
    while IFS='=' read -r name value; do
      case $name in MODE) mode=$value ;; USEC) usec=$value ;; esac
    done </run/systemd/shutdown/scheduled
    echo "${MARKER} at $mode $usec"
  elif [ -d /run/systemd/system ]; then
    # The script that stops timers has asked already.
    [ -n "\${stopping-}" ] || stopping=$(systemctl is-system-running 2>/dev/null)
    [ "$stopping" = stopping ] || return 0
    job=$(systemctl list-jobs --plain --no-legend 2>/dev/null |
      grep -oE '(poweroff|reboot|halt|kexec)[.]target' | head -n 1)
    echo "${MARKER} now $job"
  elif command -v rc-status >/dev/null 2>&1; then
    case $(rc-status -r 2>/dev/null) in
      shutdown) echo "${MARKER} now poweroff" ;;
      reboot) echo "${MARKER} now reboot" ;;
    esac
  else
    case $(runlevel 2>/dev/null) in
      *" 0") echo "${MARKER} now poweroff" ;;
      *" 6") echo "${MARKER} now reboot" ;;
    esac
  fi
}
say_ending
`;

/**
 * Prints why PAM's account check, or the login shell, would prevent the user from running commands
 * (shadow(5), pam_nologin(8)).
 */
const loginScript = (user: string): string => `${LOGIN_SHELL}
say_login() {
  user=${shellQuote(user)}
  if [ "$user" != root ]; then
    for file in /etc/nologin /run/nologin; do
      [ ! -e "$file" ] || echo "${MARKER} login $file is there, which keeps everybody but root out"
    done
  fi
  shell=$(login_shell "$user")
  case $shell in
    */nologin | */false) echo "${MARKER} login its shell is $shell" ;;
    ?*) [ -x "$shell" ] || echo "${MARKER} login its shell $shell cannot be run" ;;
  esac
  line=
  while IFS= read -r entry; do
    case $entry in "$user":*) line=$entry ;; esac
  done 2>/dev/null </etc/shadow
  IFS=: read -r _ _ last _ most _ _ end _ <<LINE
$line
LINE
  today=$((\${EPOCHSECONDS:-$(date +%s)} / 86400))
  if [ "$last" = 0 ]; then
    echo "${MARKER} login its password has to be changed at the next login"
  elif [ -n "$last" ] && [ -n "$most" ] && [ "$most" -ge 0 ] && [ $((last + most)) -lt "$today" ]; then
    echo "${MARKER} login its password has expired"
  fi
  if [ -n "$end" ] && [ "$end" -ge 0 ] && [ "$end" -lt "$today" ]; then
    echo "${MARKER} login the account has expired"
  fi
}
say_login`;

/**
 * Returns the shell script whose output {@link parseSystemState} reads.
 * @param first command that runs before the guest is asked for a shutdown, which it need not be where
 *   the command sets `$stopping`. The login is checked meanwhile, which saves time in a guest with
 *   several CPUs.
 */
export function systemStateScript(user: string, first = ""): string {
  return `${loginScript(user)} &\n${first}\n${SHUTDOWN_SCRIPT}\nwait`;
}

const shutdownKinds = z.enum(["reboot", "poweroff", "halt"]);

function parseShutdownKind(word: string | undefined): ShutdownKind {
  const name = word?.replace(/\.target$/, "").replace(/^kexec$/, "reboot");
  return shutdownKinds.safeParse(name).data ?? "unknown";
}

/** Parses the script's output. Other lines, such as those of the guest's own shell, are ignored. */
export function parseSystemState(lines: readonly string[]): SystemState {
  const answers = lines.flatMap((line) => {
    const start = line.indexOf(`${MARKER} `);
    return start === -1 ? [] : [line.slice(start + MARKER.length + 1).trimEnd()];
  });
  const [when, kind, usec] = answers.find((text) => !text.startsWith("login "))?.split(" ") ?? [];
  const reasons = answers.flatMap((text) => (text.startsWith("login ") ? [text.slice(6)] : []));
  const at = when === "at" && usec ? Number(usec) / 1000 : undefined;
  return {
    ...(when === undefined ? {} : { pendingShutdown: { kind: parseShutdownKind(kind), at } }),
    ...(reasons.length > 0 ? { loginProblem: reasons.join("; ") } : {}),
  };
}

const DESCRIPTIONS: Record<ShutdownKind, string> = {
  reboot: "restarting",
  poweroff: "powering off",
  halt: "halting",
  unknown: "shutting down",
};

/** Describes a pending shutdown; the text follows "The guest is". */
export function describeShutdown({
  kind,
  at,
}: NonNullable<SystemState["pendingShutdown"]>): string {
  if (at === undefined) return DESCRIPTIONS[kind];
  const name = kind === "unknown" ? "shutdown" : kind;
  return `about to end: a ${name} is scheduled for ${new Date(at).toISOString()}`;
}
