/**
 * Holds off what a guest does by the clock. A state that is loaded later finds the clock set
 * forward, and whatever was due meanwhile starts beside the next step: apt's daily upgrade takes
 * the package lock, and the clean-up of /tmp removes what looks old by then.
 *
 * Timers are stopped, which lives in the memory of the running system alone: nothing is masked or
 * disabled, and no file is written, so that the image has them as they are enabled.
 */

/** The timers of package managers and of a system's upkeep, as systemd names them; shell patterns. */
const MAINTENANCE_TIMERS = [
  ...["apt-*", "unattended-upgrades*", "ua-*", "ubuntu-advantage*", "update-notifier*"],
  ...["esm-*", "motd-news*", "check-new-release*", "dpkg-*", "snapd*", "flatpak*", "fwupd*"],
  ...["dnf*", "yum*", "rpm-*", "packagekit*", "insights-*", "zypp*", "transactional-update*"],
  ...["backup-rpmdb*", "backup-sysconfig*", "snapper-*", "pacman*", "paccache*", "reflector*"],
  ...["logrotate*", "man-db*", "plocate*", "mlocate*", "updatedb*", "systemd-tmpfiles-clean*"],
  ...["fstrim*", "e2scrub*", "xfs_scrub*", "btrfs*", "mdcheck*", "mdmonitor*", "raid-check*"],
  ...["sysstat*", "systemd-sysupdate*"],
];

/** Seconds to wait for an upkeep that began before it could be held off. */
const WAIT_SECONDS = 600;

/** Without systemd the clock is cron's. A process that stands still leaves nothing in the image. */
const forEachCron = (signal: string): string => `
  for file in /proc/[0-9]*/comm; do
    { read -r name <"$file"; } 2>/dev/null || continue
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
 * A shell script that holds them off until the guest restarts, and waits for those at work. A
 * guest that still boots has not started them all yet.
 */
export const STOP_TIMERS = stopTimersScript("--all");

/** As {@link STOP_TIMERS}, where they were held before: a package may have started one since. */
export const STOP_ACTIVE_TIMERS = stopTimersScript("--state=active");

/** A shell script that lets go of what could not be switched off otherwise. */
export const RESUME_CRON = `[ -d /run/systemd/system ] || {${forEachCron("CONT")}
}`;
