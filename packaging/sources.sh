#!/usr/bin/env bash
# What deb.sh and rpm.sh have in common; sourced, with the tree as the working directory.

# begin_build FOLDER: empties the folder where both build, one at a time: what one of them has compiled is in ccache for
# the other. It must not be given objects of another folder (CCACHE_BASEDIR): with link-time optimisation they remember
# where they were compiled, and what is linked of them differs.
begin_build() {
  unset CCACHE_BASEDIR CCACHE_NOHASHDIR MAKEFLAGS MAKELEVEL
  if command -v ccache >/dev/null; then
    CCACHE_DIR=$(ccache --get-config cache_dir)  # debhelper gives the build a home of its own
    export CCACHE_DIR CMAKE_CXX_COMPILER_LAUNCHER=ccache
  fi
  mkdir -p "$1"
  exec 9>"$1.lock"
  flock 9
  find "$1" -mindepth 1 -delete
}

# export_sources NAME EPOCH: a tar of all files that git would take, below NAME/, sorted, with times and owners that
# do not depend on the checkout.
export_sources() {
  git ls-files -coz --exclude-standard | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
  done | LC_ALL=C sort -z | tar --create --null --files-from=- --mtime="@$2" --owner=0 --group=0 --numeric-owner \
    --mode=u+rw,go+rX,go-w --format=gnu --transform="s,^,$1/,"
}
