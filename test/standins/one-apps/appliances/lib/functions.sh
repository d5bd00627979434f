# shellcheck shell=bash
# STAND-IN for one-apps' appliances/lib/functions.sh: status, pid file and motd. See service.sh.

standin_is_running() {
  [ -f "$ONE_SERVICE_PIDFILE" ] && kill -0 "$(cat "$ONE_SERVICE_PIDFILE")" 2>/dev/null
}

standin_set_status() {
  echo "${stage:?}_$1" >"$ONE_SERVICE_STATUS"
  printf '\n  Service appliance: %s %s\n\n' "$stage" "$1" >/etc/motd
}

# Ends the script where the stage must not run.
standin_may_run() {
  local status=''
  [ ! -f "$ONE_SERVICE_STATUS" ] || status=$(cat "$ONE_SERVICE_STATUS")
  case $1:$status in
    install:) ;;
    install:install_success)
      msg warning 'Installation was already done - skip'
      exit 0
      ;;
    configure:install_success | bootstrap:configure_success) ;;
    configure:configure_* | configure:bootstrap_* | bootstrap:bootstrap_*)
      [ "$ONE_SERVICE_RECONFIGURABLE" = true ] || msg error "not reconfigurable: $status"
      ;;
    *) msg error "$1 cannot run after '$status'" ;;
  esac
}

standin_at_exit() {
  set +e
  service_cleanup
  if [ -n "$STANDIN_PIPE" ]; then rm -f "$STANDIN_PIPE"; fi
  case $(cat "$ONE_SERVICE_STATUS") in
    *_started) standin_set_status failure ;;
  esac
  rm -f "$ONE_SERVICE_PIDFILE"
}
