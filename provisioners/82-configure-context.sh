#!/usr/bin/env bash
# Puts one-apps' context hooks where one-context runs them at every boot.
#
#   82-configure-context.sh [FOLDER]     where the hooks lie; /etc/one-appliance unless given
#
# net-90-service-appliance configures and starts the service, net-99-report-ready tells OpenNebula.
# The package has a net-99 of its own, which knows nothing of services: it is replaced. A hook that
# is missing is an error; without it the image would boot and never be configured.
set -euo pipefail

readonly FOLDER=${1:-/etc/one-appliance}
readonly TARGET=/etc/one-context.d
readonly HOOKS=(net-90-service-appliance net-99-report-ready)

die() {
  printf '82-configure-context.sh: %s\n' "$*" >&2
  exit 1
}

[[ -d $TARGET ]] || die "there is no $TARGET: one-context is not installed"
for hook in "${HOOKS[@]}"; do
  [[ -s $FOLDER/$hook ]] || die "there is no hook $FOLDER/$hook"
  [[ $(head -c 2 "$FOLDER/$hook") == '#!' ]] || die "$FOLDER/$hook is not a script"
done
for hook in "${HOOKS[@]}"; do
  # one-apps keeps them without the right to run, and one-context runs nothing without it.
  install -o root -g root -m 0755 "$FOLDER/$hook" "$TARGET/$hook"
  cmp -s "$FOLDER/$hook" "$TARGET/$hook" || die "$TARGET/$hook is not what $FOLDER/$hook is"
  if [[ $FOLDER == /etc/one-appliance ]]; then rm "$FOLDER/$hook"; fi
  printf 'Installed %s\n' "$TARGET/$hook"
done
