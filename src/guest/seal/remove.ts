/** Removes the build's keys and identity from the guest. */
import { shellQuote } from "../../host/programs.js";
import { publicBlob } from "../../seed/keys.js";
import type { BuildKeys } from "../../seed/keys.js";
import { FIND_HOMES, forEachHome } from "./homes.js";

/**
 * Shell code that removes `$keys`, options of grep, from every file of authorized keys: those of sshd(8) by default
 * and by its configuration, the folder of Ignition, and those of dropbear(8). A file keeps its
 * owner and mode, because it is overwritten in place; one that had no other key is removed.
 */
const REMOVE_KEY = `
drop_key() {
  for file in "$@"; do
    [ -f "$file" ] && grep -qF $keys "$file" || continue
    rest=$(grep -vF $keys "$file" || true)
    if [ -n "$rest" ]; then
      blank "$file"
      printf '%s\\n' "$rest" >"$file"
    else
      erase "$file"
    fi
  done
}
patterns=$(sed -n '/^[[:space:]]*[Aa]uthorized[Kk]eys[Ff]ile/{
s/^[[:space:]]*[^[:space:]=]*[[:space:]=]*//
s/%[uU]/*/g
s/%h/~/g
s/%%/%/g
p
}' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf 2>/dev/null)
set -f
for pattern in $patterns; do
  set +f
  case $pattern in /*) drop_key $pattern ;; esac
done
set +f
drop_key /etc/dropbear/authorized_keys
${forEachHome(`
  drop_key "$home"/.ssh/authorized_keys "$home"/.ssh/authorized_keys2 "$home"/.ssh/authorized_keys.d/*
  set -f
  for pattern in $patterns; do
    set +f
    case $pattern in
      /*) ;;
      '~'/*) drop_key "$home"/\${pattern#??} ;;
      *) drop_key "$home"/$pattern ;;
    esac
  done
  set +f`)}`;

/** Returns options of grep that match the keys with which the build logs in. */
function loginKeys({ client, base }: BuildKeys): string {
  const pairs = base === undefined ? [client] : [client, base];
  return pairs.map((pair) => `-e ${publicBlob(pair)}`).join(" ");
}

/**
 * Logs and answers that installers leave in a system: they contain the key of the base, and often
 * passwords (Debian and Ubuntu; Anaconda).
 */
const INSTALLER_FILES = [
  "/var/log/installer",
  "/var/log/anaconda",
  "/root/anaconda-ks.cfg",
  "/root/original-ks.cfg",
].join(" ");

/**
 * Shell code that removes what an installer left. Ubuntu's configuration for cloud-init is removed
 * only where it contains the key of the base.
 */
const REMOVE_INSTALLER_FILES = `
for file in /etc/cloud/cloud.cfg.d/99-installer.cfg; do
  [ -f "$file" ] && grep -qF $keys "$file" && erase "$file"
done
rm -rf ${INSTALLER_FILES}`;

/**
 * Returns the shell script that removes the build's traces. Files with keys are overwritten first,
 * because their blocks may share a disk cluster with other files, which then cannot be released to
 * the host. The script starts few programs, because an emulated guest takes a twentieth of a second
 * for each.
 *
 * The machine ID is emptied. It is not set to "uninitialized", which would make the next boot a
 * first boot (machine-id(5)): systemd would then apply its presets, and so undo what steps have
 * enabled and disabled.
 */
export function removeScript(keys: BuildKeys): string {
  return `
keys=${shellQuote(loginKeys(keys))}
hostkey=${shellQuote(publicBlob(keys.host))}
blank() { shred -n 0 -z -- "$1" 2>/dev/null || true; }
erase() { shred -n 0 -z -u -- "$@" 2>/dev/null || rm -f -- "$@"; }

# A short build is here before cloud-init is done; it would write its state once more. Where it is
# disabled, there is nothing to stop.
[ -e /run/cloud-init/result.json ] || [ -e /run/cloud-init/disabled ] || systemctl stop cloud-config.service cloud-final.service 2>/dev/null
{
  # While it looks for a time server it takes seconds to stop, and the shutdown waits for it.
  systemctl --no-block stop systemd-timesyncd.service
  systemctl kill --signal=KILL systemd-timesyncd.service
  # Its service saves a random seed when it stops.
  systemctl stop systemd-random-seed.service
  rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
  # Services that have ended keep their credentials in mounts, in memory; the shutdown would start a
  # program for each of them.
  umount -l /run/credentials/*
} 2>/dev/null &

${FIND_HOMES}
${REMOVE_KEY}
${keys.base === undefined ? "" : REMOVE_INSTALLER_FILES}
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
network="$network /etc/NetworkManager/system-connections/cloud-init-*.nmconnection"
# The network scripts of Red Hat's and SUSE's systems.
for file in /etc/sysconfig/network-scripts/ifcfg-* /etc/sysconfig/network/ifcfg-*; do
  [ -f "$file" ] && grep -q 'Created by cloud-init' "$file" && network="$network $file"
done
command -v cloud-init >/dev/null 2>&1 || network=
rm -rf $states /var/lib/cloud/instance /var/log/cloud-init.log /var/log/cloud-init-output.log \\
  $network
[ -L /var/lib/dbus/machine-id ] || [ ! -e /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
[ ! -e /etc/machine-id ] || : >/etc/machine-id
`;
}
