/**
 * Starts a second SSH server in the guest, through which vmbuild connects to a restored checkpoint.
 * By then a step may have removed the host keys, the authorized keys or the SSH server's
 * configuration, as clean-up steps do: an open connection survives that, but a new one fails. The
 * second server uses the build's keys and exists only in memory, so nothing of it reaches the
 * image.
 */
import { shellQuote } from "../host/programs.js";
import type { Guest } from "./guest.js";
import type { BuildKeys } from "../seed/keys.js";
import { PROBE, RESCUE_SERVER_LINE, parseCapabilities } from "./capabilities.js";
import { STOP_TIMERS } from "./timers.js";

/** Port of the rescue SSH server in the guest, from the range that is not registered (RFC 6335). */
export const RESCUE_SSH_PORT = 49122;

const FOLDER = "/run/vmbuild";

/**
 * Configuration of sshd. It uses PAM, because sshd without PAM refuses accounts whose password is
 * locked (sshd_config(5)).
 */
const config = (user: string): string => `Port ${RESCUE_SSH_PORT}
HostKey ${FOLDER}/host_key
AuthorizedKeysFile ${FOLDER}/authorized_keys
PidFile ${FOLDER}/sshd.pid
AllowUsers ${user}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM yes
UseDNS no
Subsystem sftp internal-sftp
`;

/**
 * Shell script that starts the server. `-r` stops sshd from re-executing, which would read its host
 * key for each connection; OpenSSH 9.8 and later pass the key on and no longer have the option.
 */
function startScript(keys: BuildKeys, user: string): string {
  const put = (name: string, text: string): string =>
    `printf '%s\\n' ${shellQuote(text.trimEnd())} >${FOLDER}/${name}`;
  return `
sshd=$(command -v sshd || echo /usr/sbin/sshd)
[ -x "$sshd" ] || exit 0
# The user reads its own key; the folder itself tells nobody else anything.
[ -d ${FOLDER} ] || mkdir -m 0711 ${FOLDER}
[ -d /run/sshd ] || mkdir -m 0755 /run/sshd
umask 077
${put("host_key", keys.host.private)}
${put("sshd_config", config(user))}
# Sessions begin with the server's own umask.
umask 022
${put("authorized_keys", keys.client.public)}
{ "$sshd" -r -f ${FOLDER}/sshd_config 2>/dev/null || "$sshd" -f ${FOLDER}/sshd_config; } && echo "${RESCUE_SERVER_LINE}"
`;
}

/** Inputs of {@link prepareGuest}. */
export interface PrepareOptions {
  readonly keys: BuildKeys;
  /** User that logs in. */
  readonly user: string;
  /** Shell script that runs before, in the same command. */
  readonly before?: string;
}

/** Time limit. Stopping timers waits for jobs that are running. Milliseconds. */
const DEADLINE_MS = 900_000;

/**
 * Prepares a guest that has just booted: stops its timers, determines its capabilities, and starts
 * the rescue SSH server where it has OpenSSH. All must be part of every checkpoint; they share one
 * command because each command is slow in an emulated guest.
 * @returns the lines that the script `before` printed. The guest has its capabilities now.
 */
export async function prepareGuest(
  guest: Guest,
  { keys, user, before = "" }: PrepareOptions,
): Promise<string[]> {
  const command = `${STOP_TIMERS}\n${before}\n${PROBE}\n${startScript(keys, user)}\ntrue`;
  const lines = await guest.ask(command, "Starting the rescue SSH server", DEADLINE_MS);
  guest.capabilities = parseCapabilities(lines, guest.privilege);
  return lines;
}
