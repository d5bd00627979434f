#!/usr/bin/env bash
# Installs one-apps' context hooks in the folder from which one-context runs them at every boot.
#
#   82-configure-context.sh [FOLDER]     folder of the hooks; default: /etc/one-appliance
#
# net-90-service-appliance configures and starts the service; net-99-report-ready reports to
# OpenNebula that the machine is ready, and replaces the package's own net-99, which does not wait
# for services. A missing hook is an error: without it the service would never be configured.
set -euo pipefail

readonly FOLDER=${1:-/etc/one-appliance}
readonly TARGET=/etc/one-context.d
readonly HOOKS=(net-90-service-appliance net-99-report-ready)

die() {
  printf '82-configure-context.sh: %s\n' "$*" >&2
  exit 1
}

[[ -d $TARGET ]] || die "$TARGET does not exist: one-context is not installed"
for hook in "${HOOKS[@]}"; do
  [[ -s $FOLDER/$hook ]] || die "the hook $FOLDER/$hook does not exist or is empty"
  [[ $(head -c 2 "$FOLDER/$hook") == '#!' ]] || die "$FOLDER/$hook is not a script"
done
for hook in "${HOOKS[@]}"; do
  # one-apps' files are not executable, and one-context skips such files.
  install -o root -g root -m 0755 "$FOLDER/$hook" "$TARGET/$hook"
  cmp -s "$FOLDER/$hook" "$TARGET/$hook" || die "$TARGET/$hook differs from $FOLDER/$hook"
  if [[ $FOLDER == /etc/one-appliance ]]; then rm "$FOLDER/$hook"; fi
  printf 'Installed %s\n' "$TARGET/$hook"
done
