/**
 * Stops the scheduled jobs of a guest. When a checkpoint is restored later, the clock is set
 * forward and every job that became due would start beside the next step: apt's daily upgrade would
 * take the package lock, and the clean-up of /tmp would remove files that look old by then.
 *
 * Timers are only stopped, which affects the memory of the running system. Nothing is masked or
 * disabled and no file is written, so in the image all timers are enabled as before.
 */

/** Timers of package managers and of system maintenance, as systemd names them; shell patterns. */
const MAINTENANCE_TIMERS = [
  ...["apt-*", "unattended-upgrades*", "ua-*", "ubuntu-advantage*", "update-notifier*"],
  ...["esm-*", "motd-news*", "check-new-release*", "dpkg-*", "snapd*", "flatpak*", "fwupd*"],
  ...["dnf*", "yum*", "rpm-*", "packagekit*", "insights-*", "zypp*", "transactional-update*"],
  ...["backup-rpmdb*", "backup-sysconfig*", "snapper-*", "pacman*", "paccache*", "reflector*"],
  ...["logrotate*", "man-db*", "plocate*", "mlocate*", "updatedb*", "systemd-tmpfiles-clean*"],
  ...["fstrim*", "e2scrub*", "xfs_scrub*", "btrfs*", "mdcheck*", "mdmonitor*", "raid-check*"],
  ...["sysstat*", "systemd-sysupdate*"],
];

/** Time to wait for a maintenance job that is already running. Seconds. */
const WAIT_SECONDS = 600;

/**
 * Returns shell code that sends a signal to every cron daemon, for guests without systemd. A
 * stopped process leaves no trace in the image.
 */
const forEachCron = (signal: string): string => `
  for file in /proc/[0-9]*/comm; do
    { read -r name <"$file"; } 2>/dev/null || continue
    # busybox may run its own crond without starting another program.
    case $name in busybox | exe)
      name=$(tr '\\0' '\\n' <"\${file%comm}cmdline" 2>/dev/null | grep -x crond)
    esac
    case $name in cron | crond | anacron | fcron | dcron)
      pid=\${file#/proc/}
      kill -${signal} "\${pid%/comm}" 2>/dev/null
    esac
  done`;

/**
 * Returns the shell script. With systemd it sets `$stopping` to "stopping" where the guest is shutting
 * down, and to "no" otherwise (manager_state() in systemd's src/core/manager.c), from one question
 * about units: each takes a third of a second in an emulated guest.
 * @param which pattern of the shell for the states of timers that are stopped.
 */
const stopTimersScript = (which: string): string => `
is_upkeep() {
  case $1 in ${MAINTENANCE_TIMERS.join(" | ")}) return 0 ;; esac
  return 1
}
list_units() {
  systemctl list-units --plain --no-legend --no-pager "$@" 2>/dev/null
}
is_working() {
  while read -r unit _; do ! is_upkeep "$unit" || return 0; done <<UNITS
$(list_units --type=service --state=activating)
UNITS
  return 1
}
hold_timers() {
  if [ -d /run/systemd/system ]; then
    units=$(list_units --all '*.timer' shutdown.target) || return 0
    held= stopping=no
    # A column with the job comes before the description where any unit has one.
    while read -r unit _ active _ job _; do
      case "$unit $active $job" in
        "shutdown.target active"* | "shutdown.target "*" start") stopping=stopping ;;
        *.timer" "${which}" "*) ! is_upkeep "$unit" || held="$held $unit" ;;
      esac
    done <<UNITS
$units
UNITS
    [ -n "$held" ] || return 0
    systemctl stop $held 2>/dev/null
    waited=0
    while [ "$waited" -lt ${WAIT_SECONDS} ] && is_working; do
      sleep 1
      waited=$((waited + 1))
    done
    # Meanwhile the guest may have begun to shut down.
    [ "$waited" = 0 ] || stopping=
  else${forEachCron("STOP")}
  fi
}
hold_timers || true
`;

/**
 * Shell script that stops the timers until the guest restarts, and waits for running jobs. It
 * covers all timers, because a booting guest may not have started all of them yet.
 */
export const STOP_TIMERS = stopTimersScript("*");

/**
 * Same as {@link STOP_TIMERS} for a guest in which timers were stopped before: only active ones,
 * which a package may have started since.
 */
export const STOP_ACTIVE_TIMERS = stopTimersScript("active");

/** Shell script that continues the cron daemons which were stopped by a signal. */
export const RESUME_CRON = `[ -d /run/systemd/system ] || {${forEachCron("CONT")}
}`;
