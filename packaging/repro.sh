#!/usr/bin/env bash
# Builds the packages a second time, without a cache, in a folder with another name and depth, with another umask,
# locale, time zone and number of jobs, and compares them byte by byte with those of ./dev deb.
set -euo pipefail
cd "$(dirname "$0")/.."

packaging/deb.sh
other=$(mktemp -d /var/tmp/sockherd-repro-XXXXXX)
trap 'rm -rf "$other"' EXIT
(
  umask 0077
  export TZ=Pacific/Kiritimati LC_ALL=C LANG=C CCACHE_DISABLE=1 DEB_BUILD_OPTIONS="nocheck parallel=1"
  DEB_TREE=$other/a/rather/longer/path DEB_OUT=$other/out packaging/deb.sh
)
status=0
for package in build/deb/*.deb; do
  case "$package" in *+*) continue ;; esac
  if cmp "$package" "$other/out/${package##*/}"; then
    echo "the same: ${package##*/}"
  else
    status=1
    ! command -v diffoscope >/dev/null || diffoscope --max-report-size 20000 "$package" "$other/out/${package##*/}" || true
  fi
done
exit $status
