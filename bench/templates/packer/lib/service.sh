#!/bin/bash
# shellcheck source=/dev/null
. /etc/one-appliance/lib/functions.sh
echo "$(greet) $1" >/opt/one-appliance/bin/log
