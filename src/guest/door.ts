/**
 * A way into a guest that is loaded from a saved state. By then a step may have removed the host
 * keys, the authorized keys or the SSH server's set-up, as every clean-up does: the connection
 * that was open survives that, a new one does not. So a second SSH server runs beside the
 * guest's own, with the build's keys, all of it in memory; nothing of it reaches the image.
 */
import { shellQuote } from "../host/programs.js";
import type { Guest } from "./guest.js";
import type { BuildKeys } from "../seed/keys.js";
import { HOLD_TIMERS } from "./timers.js";

/** The port on which it listens in the guest: in the range that nobody registers (RFC 6335). */
export const DOOR_PORT = 49122;

const FOLDER = "/run/vmbuild";

/** With PAM, since sshd without it refuses accounts whose password is locked (sshd_config(5)). */
const config = (user: string): string => `Port ${DOOR_PORT}
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
`;

/**
 * `-r` keeps it from reading its host key again for each connection; OpenSSH 9.8 and later hand
 * the key on and know no such option any more.
 */
function opener(keys: BuildKeys, user: string): string {
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
"$sshd" -r -f ${FOLDER}/sshd_config 2>/dev/null || "$sshd" -f ${FOLDER}/sshd_config || echo closed
`;
}

/** Holding off timers waits for those at work. Milliseconds. */
const DEADLINE_MS = 900_000;

/**
 * Opens it in a guest that has just booted, and holds off its timers: both have to be in every
 * saved state, and two commands would cost an emulated guest more than one.
 * @returns whether the door is open; a guest without one is reached by its own server only.
 */
export async function openDoor(guest: Guest, keys: BuildKeys, user: string): Promise<boolean> {
  const command = `${HOLD_TIMERS}\n${opener(keys, user)}`;
  const words = await guest.ask(command, "Starting the rescue SSH server", DEADLINE_MS);
  return !words.includes("closed");
}
