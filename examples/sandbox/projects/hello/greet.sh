#!/bin/sh
# Writes a greeting for users who log in.
set -eu
printf 'This is %s.\n' "$1" >/etc/motd
