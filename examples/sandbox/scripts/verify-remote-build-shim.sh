#!/usr/bin/env bash
# Verifies scripts/remote-build.sh without another host: programs that only record their arguments
# stand for vmbuild, ssh and rsync. Exits with 1 if a check fails.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/with" "$work/without"
for name in vmbuild ssh rsync; do
  cat >"$work/with/$name" <<EOS
#!/bin/sh
echo $name "\$@" >>"$work/calls"
exit \${STAND_IN_EXIT:-0}
EOS
  chmod +x "$work/with/$name"
done
ln -s "$work/with/ssh" "$work/with/rsync" "$work/without/"

failures=0
# Runs the shim with variables; sets status, output (of stderr) and calls.
shim() {
  local programs=$1
  shift
  : >"$work/calls"
  status=0
  output=$(env -i "PATH=$work/$programs:/usr/bin:/bin" "$@" scripts/remote-build.sh 2>&1) || status=$?
  calls=$(cat "$work/calls")
}
check() {
  local what=$1
  shift
  if "$@"; then
    printf 'ok      %s\n' "$what"
  else
    printf 'FAILED  %s\n        exit code %s\n        %s\n        %s\n' \
      "$what" "$status" "$output" "$calls"
    failures=$((failures + 1))
  fi
}
is_refused() { [[ $status == 2 && -z $calls && $output == *"$1"* ]]; }
calls_are() { [[ $status == 0 && $calls == "$1" ]]; }
calls_have() { [[ $status == 0 && $calls == *"$1"* ]]; }

shim with
check 'a missing PROJECT is refused' is_refused 'PROJECT is not set'
shim with PROJECT=../hello
check 'a path in place of a name is refused' is_refused 'is not the name of a project'
shim with PROJECT=nothing
check 'an unknown project is refused' is_refused 'projects/nothing/nothing.json does not exist'

shim with PROJECT=hello BUILDER=ssh://me@builder
check 'vmbuild runs the project on the builder' calls_are \
  'vmbuild run projects/hello/hello.json --output output/hello --ttl 4h --on ssh://me@builder'
shim with PROJECT=hello TTL=30m INSTALL=1 DETACH=1
check 'the context in use is the default, and options are passed on' calls_are \
  'vmbuild run projects/hello/hello.json --output output/hello --ttl 30m --install --detach'
shim with PROJECT=hello STAND_IN_EXIT=7
check 'the exit code is that of vmbuild' test "$status" = 7

shim without PROJECT=hello BUILDER=ssh://me@builder VMBUILD=vmbuild-is-not-here
check 'without vmbuild, the project is copied' calls_have \
  'rsync --archive --delete --exclude output projects/hello/ me@builder:remote-builds/hello/'
check 'without vmbuild, the run is started over ssh' calls_have \
  'ssh me@builder cd remote-builds/hello && vmbuild run ./hello.json'
check 'without vmbuild, a notice says that this is deprecated' \
  test "${output#*deprecated}" != "$output"
shim without PROJECT=hello BUILDER=builder VMBUILD=vmbuild-is-not-here
check 'without vmbuild, a context is refused' is_refused 'BUILDER must be ssh://USER@HOST'

((failures == 0)) || exit 1
