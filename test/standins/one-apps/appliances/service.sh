#!/usr/bin/env bash
# STAND-IN for one-apps' appliances/service.sh, written for vmbuild's tests. The contract it keeps:
#   - `service install|configure|bootstrap` sources lib/common.sh, lib/functions.sh and
#     service.d/appliance.sh below /etc/one-appliance, with `set -e` and umask 0077;
#   - it exits 0 when one is running already, takes a lock, and has a pid file meanwhile;
#   - /etc/one-appliance/status says STAGE_started, STAGE_success or STAGE_failure; install is done
#     once, and refused after a failure; configure and bootstrap again only when the appliance is
#     ONE_SERVICE_RECONFIGURABLE;
#   - the output goes to /var/log/one-appliance/STAGE.log through a pipe in that folder, which is
#     removed at the end and must not be there at the start;
#   - _SERVICE_LOCK is the script's path once the lock is held;
#   - service_cleanup runs at every end, and /etc/motd is written anew at every change of status.
# shellcheck disable=SC1091,SC2034 # The sourced files lie in the guest, and read what is set here.
set -e
umask 0077

ONE_SERVICE_DIR=/etc/one-appliance
ONE_SERVICE_LOGDIR=/var/log/one-appliance
ONE_SERVICE_STATUS=$ONE_SERVICE_DIR/status
ONE_SERVICE_REPORT=$ONE_SERVICE_DIR/config
ONE_SERVICE_PIDFILE=/var/run/one-appliance-service.pid
ONE_SERVICE_RECONFIGURABLE=

. "$ONE_SERVICE_DIR/lib/common.sh"
. "$ONE_SERVICE_DIR/lib/functions.sh"
. "$ONE_SERVICE_DIR/service.d/appliance.sh"

stage=$1
case $stage in
  install | configure | bootstrap) ;;
  help | '')
    service_help
    exit 0
    ;;
  *)
    msg unknown "no such stage: $stage"
    exit 1
    ;;
esac

if standin_is_running; then
  msg warning "Service script is running already"
  exit 0
fi
if [ "$_SERVICE_LOCK" != "$0" ]; then
  _SERVICE_LOCK=$0 exec flock --exclusive --nonblock "$0" "$0" "$@"
fi
trap standin_at_exit EXIT
echo $$ >"$ONE_SERVICE_PIDFILE"
standin_may_run "$stage"
standin_set_status started
mkdir -p "$ONE_SERVICE_LOGDIR"
chmod 0700 "$ONE_SERVICE_LOGDIR"
STANDIN_PIPE=$ONE_SERVICE_LOGDIR/one_service_log.pipe
mknod "$STANDIN_PIPE" p
tee -a "$ONE_SERVICE_LOGDIR/$stage.log" <"$STANDIN_PIPE" &
logger=$!
exec 3>&1 >"$STANDIN_PIPE"
"service_$stage" 2>&1
exec >&3 3>&-
wait "$logger"
standin_set_status success
