/**
 * Checks that each machine made from the image will have SSH host keys of its own. Host keys that
 * the guest made itself are left to steps, except where its server certainly makes new ones.
 */

/** Finding of the check, with its warning. */
interface Finding {
  /** Line that the shell script prints. */
  readonly line: string;
  readonly message: string;
  readonly hint: string;
}

const MISSING: Finding = {
  line: "vmbuild-no-host-keys",
  message: "The image has no SSH host keys, and no service that creates them at its first boot",
  hint: "Keep cloud-init in the image, or enable a unit that runs `ssh-keygen -A` before sshd.",
};

const KEPT: Finding = {
  line: "vmbuild-same-host-keys",
  message: "The image contains SSH host keys, which all machines made from it will share",
  hint:
    "Remove them in the last step if a service creates new ones, such as a unit that runs " +
    "`ssh-keygen -A` before sshd.",
};

const FINDINGS = [MISSING, KEPT];

/** Places of services and scripts that run when a system boots. */
const BOOT_FILES = [
  "/etc/systemd/system /usr/lib/systemd/system /lib/systemd/system",
  "/etc/one-context.d /etc/rc.local /etc/inittab /etc/local.d",
].join(" ");

/**
 * Shell function that succeeds where a dropbear server runs that makes its host keys when they are
 * missing (`-R` in dropbear(8)).
 */
const MAKES_KEYS = `
dropbear_makes_keys() {
  for file in /proc/[0-9]*/comm; do
    { read -r name <"$file"; } 2>/dev/null || continue
    [ "$name" = dropbear ] || continue
    tr '\\0' ' ' <"\${file%comm}cmdline" | grep -q ' -[A-Za-z]*R' && return
  done
  return 1
}`;

/**
 * Shell script that prints the line of a finding. Keys that `$kept` names are meant to be there. A
 * unit with ConditionFirstBoot does not count where /etc/machine-id is empty, which is how the seal
 * leaves it: such a boot is not a first boot (machine-id(5)). Scripts of init systems count only in
 * guests without systemd.
 */
export const CHECK_HOST_KEYS = `${MAKES_KEYS}
has_any() {
  for file in "$@"; do [ ! -e "$file" ] || return 0; done
  return 1
}
has_undeclared() {
  for file in "$@"; do
    [ -e "$file" ] || continue
    case $kept in *"
$file
"*) ;; *) return 0 ;; esac
  done
  return 1
}
makes_host_keys() {
  places="${BOOT_FILES}"
  [ -d /run/systemd/system ] || places="$places /etc/init.d /etc/rc.d"
  for file in $(grep -rlsE 'ssh-keygen|dpkg-reconfigure.*openssh' $places); do
    [ -e /etc/machine-id ] || return 0
    grep -qiE '^[[:space:]]*ConditionFirstBoot[[:space:]]*=[[:space:]]*(yes|y|true|t|on|1)' "$file" || return 0
  done
  return 1
}
check_host_keys() {
  ! command -v cloud-init >/dev/null 2>&1 || return 0
  if [ -x /usr/sbin/sshd ]; then
    if has_undeclared /etc/ssh/ssh_host_*_key; then echo ${KEPT.line}
    elif ! has_any /etc/ssh/ssh_host_*_key && ! makes_host_keys; then echo ${MISSING.line}
    fi
  elif has_any /etc/dropbear/*_host_key; then
    dropbear_makes_keys || echo ${KEPT.line}
  fi
}
check_host_keys
`;

/**
 * Shell code that removes the host keys of a dropbear server which makes new ones when it starts.
 * It is for the end: a new connection to the guest would find other host keys.
 */
export const REMOVE_HOST_KEYS = `${MAKES_KEYS}
! dropbear_makes_keys || rm -f /etc/dropbear/*_host_key`;

/** Returns the warnings about the lines that the script printed. Pure. */
export function hostKeyWarnings(lines: readonly string[]): { message: string; hint: string }[] {
  return FINDINGS.filter(({ line }) => lines.includes(line)).map(({ message, hint }) => ({
    message,
    hint,
  }));
}
