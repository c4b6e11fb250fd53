#!/usr/bin/env bash
# Builds the Debian packages of this tree as it is: ./dev deb [SUFFIX], into build/deb.
#
# dpkg-buildpackage runs in a clean export, always at the same path (sources.sh).
# SUFFIX ("+local") makes another version, of which only what contains the version is compiled anew, quickly and
# without debug symbols. What is there already is not built again. DEB_TREE, DEB_OUT: other places (./dev repro).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=packaging/sources.sh
. packaging/sources.sh

suffix=${1:-}
out=${DEB_OUT:-$PWD/build/deb}
work=${DEB_TREE:-$PWD/build/package}
upstream=$(sed -n '1s/.*(\(.*\)-[^-]*).*/\1/p' packaging/debian/changelog)
revision=$(sed -n '1s/.*-\([^-]*\)).*/\1/p' packaging/debian/changelog)
version=$upstream$suffix-$revision
tree=$work/sockherd-$upstream
prefix=sockherd-$upstream$suffix
SOURCE_DATE_EPOCH=$(date -d "$(sed -n '/^ -- /{s/.*>  //p;q}' packaging/debian/changelog)" +%s)

mkdir -p "$out"
key=$(export_sources "$prefix" "$SOURCE_DATE_EPOCH" | sha256sum | cut -d' ' -f1)
stamp=$out/.built-$version
if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && [ -e "$out/sockherd-dev_${version}_all.deb" ]; then
  echo "build/deb has $version of this tree already" >&2
  exit 0
fi

begin_build "$work"
rm -f "$stamp" "$out"/*_"$version"[_.]*
# Of the tree as it is there is one version: tests and `apt install build/deb/...` find no older one.
[ -n "$suffix" ] || find "$out" -maxdepth 1 -name 'sockherd*_*' ! -name '*+*' -delete
mkdir "$tree"
orig=$work/sockherd_$upstream$suffix.orig.tar.xz
export_sources "$prefix" "$SOURCE_DATE_EPOCH" | xz -T1 -1 >"$orig"
tar --extract --file="$orig" --strip-components=1 -C "$tree"
cp -r packaging/debian "$tree/debian"
if [ -n "$suffix" ]; then
  { printf 'sockherd (%s) unstable; urgency=medium\n\n  * The same under another version.\n\n' "$version"
    sed -n '/^ -- /{p;q}' packaging/debian/changelog; echo; cat packaging/debian/changelog; } >"$tree/debian/changelog"
fi

export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-nocheck parallel=$(nproc)}"
[ -z "$suffix" ] || DEB_BUILD_OPTIONS+=" noautodbgsym"
log=$out/sockherd_${version}.build
if ! (cd "$tree" && dpkg-buildpackage --no-sign --build=full) >"$log" 2>&1; then
  tail -40 "$log" >&2
  echo "dpkg-buildpackage failed; all of it: $log" >&2
  exit 1
fi
cd "$work"
mv -- *.deb *.dsc *.tar.xz *.changes *.buildinfo "$out"
echo "$key" >"$stamp"
ls -s --block-size=K "$out"/*_"$version"_*.deb >&2
