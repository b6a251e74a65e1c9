#!/bin/sh
# Starts the bench of this bundle. It says in words what the dynamic loader would say in its own.
here=$(dirname "$(readlink -f "$0")")
program=$here/programs/release/bench
stop() { echo "bench: $*" >&2; exit 3; }
case $(uname -s)-$(uname -m) in
  Linux-x86_64) ;;
  *) stop "this bundle is for Linux on x86-64, and this is $(uname -s) on $(uname -m); build from a checkout on this machine" ;;
esac
if [ ! -x "$program" ] || [ ! -s "$here/bundle.json" ]; then
  stop "the bundle in $here is incomplete; unpack the archive again, and if that fails too, fetch it again"
fi
found=$(getconf GNU_LIBC_VERSION 2>/dev/null)
minor=${found#glibc 2.}
case $minor in
  '' | *[!0-9]*) [ -n "$found" ] || stop "this bundle needs glibc 2.@GLIBC_MINOR@ or newer, and no glibc is found here; run it on Debian 12, Ubuntu 24.04 or newer" ;;
  *) [ "$minor" -ge @GLIBC_MINOR@ ] || stop "this bundle needs glibc 2.@GLIBC_MINOR@ or newer, and this system has $found; run it on Debian 12, Ubuntu 24.04 or newer, or build from a checkout here" ;;
esac
exec "$program" "$@"
