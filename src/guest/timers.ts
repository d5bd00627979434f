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

const stopTimersScript = (which: string): string => `
of_upkeep() {
  while read -r unit _; do
    case $unit in ${MAINTENANCE_TIMERS.join(" | ")}) echo "$unit" ;; esac
  done
}
list_units() {
  systemctl list-units --plain --no-legend --no-pager "$@" 2>/dev/null | of_upkeep
}
hold_timers() {
  if [ -d /run/systemd/system ]; then
    held=$(list_units --type=timer ${which})
    [ -n "$held" ] || return 0
    systemctl stop $held 2>/dev/null
    waited=0
    while [ "$waited" -lt ${WAIT_SECONDS} ] && [ -n "$(list_units --type=service --state=activating)" ]; do
      sleep 1
      waited=$((waited + 1))
    done
  else${forEachCron("STOP")}
  fi
}
hold_timers || true
`;

/**
 * Shell script that stops the timers until the guest restarts, and waits for running jobs. It
 * covers all timers, because a booting guest may not have started all of them yet.
 */
export const STOP_TIMERS = stopTimersScript("--all");

/**
 * Same as {@link STOP_TIMERS} for a guest in which timers were stopped before: only active ones,
 * which a package may have started since.
 */
export const STOP_ACTIVE_TIMERS = stopTimersScript("--state=active");

/** Shell script that continues the cron daemons which were stopped by a signal. */
export const RESUME_CRON = `[ -d /run/systemd/system ] || {${forEachCron("CONT")}
}`;
