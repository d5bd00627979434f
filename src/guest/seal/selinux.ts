/** Gives the files of the image the security contexts that SELinux's policy requires. */

/** Line that the shell script prints where the image relabels its files at its first boot. */
const RELABELS = "vmbuild-relabels";

/** Folders in which steps create and replace files; those of packages have their contexts already. */
const LABELED = "/boot /etc /home /opt /root /srv /usr/local /var";

/**
 * Shell script that sets contexts where SELinux is active: a file that was moved to its place has
 * kept the context of another one. Where it is configured, but was not active while files were
 * created, these have no context at all, and the first boot has to relabel the whole system
 * (selinux(8)). A kernel with `selinux=0` needs neither.
 */
export const RELABEL = `
relabel() {
  command -v restorecon >/dev/null 2>&1 && [ -f /etc/selinux/config ] || return 0
  if [ -e /sys/fs/selinux/enforce ]; then
    restorecon -R ${LABELED} >/dev/null 2>&1 || true
  elif grep -qE '^[[:space:]]*SELINUX[[:space:]]*=[[:space:]]*(enforcing|permissive)' /etc/selinux/config; then
    grep -qw selinux=0 /proc/cmdline 2>/dev/null || { : >/.autorelabel; echo ${RELABELS}; }
  fi
}
relabel`;

/** Returns the warnings about the lines that the script printed. Pure. */
export function relabelWarnings(lines: readonly string[]): { message: string; hint: string }[] {
  if (!lines.includes(RELABELS)) return [];
  return [
    {
      message:
        "SELinux is configured, but not active in the guest: the image relabels its files at its first boot",
      hint: "That takes minutes. Build with SELinux active, or set SELINUX=disabled in /etc/selinux/config.",
    },
  ];
}
