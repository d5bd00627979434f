/**
 * Removes the build's keys and identity from the guest and verifies that none are left: the build's
 * key, its host key, cloud-init's state, machine-id and random seed.
 */
import { VmbuildError } from "../errors.js";
import type { Guest } from "./guest.js";
import { publicBlob, tracesOf } from "../seed/keys.js";
import type { BuildKeys } from "../seed/keys.js";
import { shellQuote } from "../host/programs.js";
import { SUDO_RULE } from "../seed/login-hook.js";

/**
 * Folders to which something of the build could have been copied. The rest of an image comes from
 * packages.
 */
const SEARCHED = ["/boot", "/etc", "/home", "/opt", "/root", "/srv", "/tmp", "/usr/local", "/var"];

/** Prefix of each result line. */
const FOUND = "vmbuild-found";
const LOST = "vmbuild-no-host-keys";

/** Returns shell code that runs `body` for the home folder of every user. */
const forEachHome = (body: string): string =>
  `while IFS= read -r home; do\n${body}\ndone <<HOMES\n$homes\nHOMES`;

/**
 * Returns the shell script that removes the build's traces. Files with keys are overwritten first,
 * because their blocks may share a disk cluster with other files, which then cannot be released to
 * the host. The script starts few programs, because an emulated guest takes a twentieth of a second
 * for each.
 */
function removeScript(keys: BuildKeys): string {
  return `
key=${shellQuote(publicBlob(keys.client))}
hostkey=${shellQuote(publicBlob(keys.host))}
erase() { shred -n 0 -z -u -- "$@" 2>/dev/null || rm -f -- "$@"; }

# A short build is here before cloud-init is done; it would write its state once more.
[ -e /run/cloud-init/result.json ] || systemctl stop cloud-config.service cloud-final.service 2>/dev/null
{
  # While it looks for a time server it takes seconds to stop, and the shutdown waits for it.
  systemctl --no-block stop systemd-timesyncd.service
  systemctl kill --signal=KILL systemd-timesyncd.service
  # Its service saves a random seed when it stops.
  systemctl stop systemd-random-seed.service
  rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
} 2>/dev/null &

homes=$(getent passwd | cut -d: -f6 | sort -u)
${forEachHome(`
  for file in "$home"/.ssh/authorized_keys "$home"/.ssh/authorized_keys2; do
    [ -f "$file" ] && grep -qF "$key" "$file" || continue
    rest=$(grep -vF "$key" "$file" || true)
    mode=$(stat -c %a "$file") owner=$(stat -c %u:%g "$file")
    erase "$file"
    [ -n "$rest" ] || continue
    printf '%s\\n' "$rest" >"$file"
    chmod "$mode" "$file"
    chown "$owner" "$file"
  done`)}
for file in /etc/ssh/ssh_host_*_key.pub; do
  [ -f "$file" ] && grep -qF "$hostkey" "$file" || continue
  erase "$file" "\${file%.pub}"
done
states=
for state in instances data sem seed; do
  [ ! -d "/var/lib/cloud/$state" ] || states="$states /var/lib/cloud/$state"
done
[ -z "$states" ] || find $states -type f -size -1024k -exec shred -n 0 -z {} + 2>/dev/null || true
# The network as the build had it; cloud-init writes it anew for each machine.
network="/etc/netplan/50-cloud-init.yaml /etc/network/interfaces.d/50-cloud-init"
network="$network /etc/systemd/network/10-cloud-init-*.network"
command -v cloud-init >/dev/null 2>&1 || network=
rm -rf $states /var/lib/cloud/instance /var/log/cloud-init.log /var/log/cloud-init-output.log \\
  $network
[ -L /var/lib/dbus/machine-id ] || [ ! -e /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
[ ! -e /etc/machine-id ] || : >/etc/machine-id
`;
}

/**
 * Returns the shell script that prints each place that still holds a trace of the build, one per
 * line.
 */
function searchScript(keys: BuildKeys): string {
  const options = tracesOf(keys)
    .map((text) => `-e ${shellQuote(text)}`)
    .join(" ");
  const searched = SEARCHED.flatMap((folder) => [folder, `${folder}/*`]).join("|");
  return `
for program in find grep sed; do
  command -v "$program" >/dev/null 2>&1 || echo "${FOUND} the guest has no $program to search with"
done
more=
${forEachHome(`
  case $home in
    ${searched}|/|"") ;;
    *) more="$more $home" ;;
  esac`)}
{
  # One search over all of it, which is what costs.
  find ${SEARCHED.join(" ")} $more -xdev -type f -size -1024k -exec grep -lF ${options} {} + 2>/dev/null || true
  for instance in /var/lib/cloud/instances/*; do [ ! -e "$instance" ] || echo "$instance"; done
  [ ! -s /etc/machine-id ] || echo "/etc/machine-id is not empty"
} | sed 's/^/${FOUND} /'
`;
}

/**
 * Returns the last command before poweroff: it removes the rule that lets the build's user become
 * root without a password, which all earlier commands needed.
 * @param usesOwnRule true when the build installed a rule of its own, beside rules of the base or
 *   of user-data; only that rule is then removed.
 */
export function lastCommand(usesOwnRule: boolean): string {
  return `rm -f ${usesOwnRule ? SUDO_RULE : "/etc/sudoers.d/90-cloud-init-users"}`;
}

/** Result of sealing. */
export interface SealResult {
  readonly warnings: readonly { readonly message: string; readonly hint: string }[];
}

const NO_HOST_KEYS = {
  message: "The image has no SSH host keys, and no service that creates them at its first boot",
  hint: "Keep cloud-init in the image, or enable a unit that runs `ssh-keygen -A` before sshd.",
};

/** Reports an sshd that has neither host keys nor a service that creates them. */
const HOST_KEY_CHECK = `
host_keys_come() {
  [ -x /usr/sbin/sshd ] || return 0
  for file in /etc/ssh/ssh_host_*_key; do [ ! -e "$file" ] || return 0; done
  command -v cloud-init >/dev/null 2>&1 && return 0
  grep -rqsE 'ssh-keygen|dpkg-reconfigure.*openssh' /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system /etc/one-context.d /etc/rc.local
}
host_keys_come || echo ${LOST}
`;

/**
 * Discards unused blocks, where the guest has fstrim, so that the conversion skips them. The
 * shutdown writes what is still in the guest's memory.
 */
const TRIM = "{ sync; ! command -v fstrim || fstrim -a || true; } >/dev/null 2>&1";

/** Time limit: a search through many files takes minutes. Milliseconds. */
const DEADLINE_MS = 900_000;

/**
 * Seals the guest and trims its file systems. The build's own connection stays open until the
 * machine stops.
 * @throws {VmbuildError} SEAL_FAILED with each file that still contains a trace of the build.
 */
export async function sealGuest(guest: Guest, keys: BuildKeys): Promise<SealResult> {
  const script = [removeScript(keys), `${TRIM} &`, searchScript(keys), HOST_KEY_CHECK, "wait"].join(
    "\n",
  );
  const lines = await guest.ask(script, "Removing the build's keys", DEADLINE_MS);
  const mark = `${FOUND} `;
  const found = lines.flatMap((line) => (line.startsWith(mark) ? [line.slice(mark.length)] : []));
  if (found.length > 0) {
    throw new VmbuildError(
      "SEAL_FAILED",
      "The image still contains keys or identifiers of the build",
      {
        lines: found,
        details: { files: found },
      },
    );
  }
  return { warnings: lines.includes(LOST) ? [NO_HOST_KEYS] : [] };
}

/** Trims the file systems of a guest that is not sealed. */
export async function trimGuest(guest: Guest): Promise<void> {
  await guest.ask(TRIM, "fstrim", 600_000);
}
