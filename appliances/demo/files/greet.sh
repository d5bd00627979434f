#!/bin/sh
# Puts the greeting, its first argument, into the page, whatever characters it has.
set -eu
page=/var/www/html/index.html
escaped=$(printf '%s' "$1" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/[\\/&]/\\&/g')
sed -i "s/@GREETING@/$escaped/" "$page"
echo "the page says: $1"
