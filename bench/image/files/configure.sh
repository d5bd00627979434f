#!/bin/sh
# Puts the release's name into the page, and fails where the packages or the site are not there.
set -eu
release=$(jq -r .release /srv/site/site.json)
sed -i "s/@RELEASE@/$release/" /srv/site/index.html
grep -q "Release $release" /srv/site/index.html
echo "$release" >/etc/bench-release
