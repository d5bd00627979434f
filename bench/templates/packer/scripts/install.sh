#!/bin/bash -eu
# shellcheck source=/dev/null
. /etc/one-appliance/lib/common.sh
chmod 0755 /etc/one-appliance/service
/etc/one-appliance/service "$1"
printf "%s %s %s\n" "$WORD" "$QUOTED" "$PACKER_BUILD_NAME" >/opt/web/word
pwd >/opt/web/folder
exit 3
