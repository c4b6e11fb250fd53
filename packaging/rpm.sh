#!/usr/bin/env bash
# Builds the RPM packages of this tree as it is: ./dev rpm, into build/rpm.
#
# rpmbuild runs in a clean export, always at the same path, with the flags and the build folder of the Debian
# packages: what those have compiled is in ccache. What is there already is not built again.
#
# The BuildRequires of the spec are Fedora's names, which Debian's rpm knows nothing of, hence --nodeps; ./dev has
# installed the same under Debian's names. The unit tests of %check are left out (--without tests): ./dev test runs
# them.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${RPM_OUT:-$PWD/build/rpm}
top=$out/work
spec=packaging/rpm/sockherd.spec
version=$(sed -n 's/^Version: *//p' "$spec")
release=$(sed -n 's/^Release: *\([0-9]*\).*/\1/p' "$spec")
grep -q "^project(sockherd VERSION $version " CMakeLists.txt || {
  echo "$spec has version $version, CMakeLists.txt another one" >&2
  exit 1
}

# All files that git would take, sorted, with times and owners that do not depend on the checkout.
export_tree() {
  git ls-files -coz --exclude-standard | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
  done | LC_ALL=C sort -z | tar --create --null --files-from=- --mtime=@0 --owner=0 --group=0 --numeric-owner \
    --mode=u+rw,go+rX,go-w --format=gnu --transform="s,^,sockherd-$version/,"
}

mkdir -p "$out" "$top"
key=$(export_tree | sha256sum | cut -d' ' -f1)
stamp=$out/.built-$version-$release
if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && compgen -G "$out/sockherd-debuginfo-$version-$release.*.rpm" >/dev/null; then
  echo "build/rpm has $version-$release of this tree already" >&2
  exit 0
fi

rm -f "$stamp" "$out"/sockherd-*.rpm
find "$top" -mindepth 1 -delete
mkdir "$top/SOURCES"
export_tree | gzip -1n >"$top/SOURCES/sockherd-$version.tar.gz"
cp packaging/sysusers.d/sockherd.conf "$top/SOURCES/sockherd.sysusers"

tree=$top/BUILD/sockherd-$version
if command -v ccache >/dev/null; then
  export CCACHE_BASEDIR=$tree CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
unset CCACHE_NOHASHDIR MAKEFLAGS MAKELEVEL CFLAGS CXXFLAGS LDFLAGS
# The locale is part of ccache's keys; debhelper sets it like that.
locale="env ${LANG:+LANG=$LANG} LC_ALL=C.UTF-8"
[ -n "${LANG:-}" ] || locale="env -u LANG LC_ALL=C.UTF-8"

# As packaging/debian/rules; on Fedora redhat-rpm-config has its own, with the same hardening.
export DEB_BUILD_MAINT_OPTIONS=hardening=+all
export DEB_CPPFLAGS_MAINT_APPEND="-D_GLIBCXX_ASSERTIONS -DNDEBUG"
case $(uname -m) in
  x86_64) branches=-fcf-protection ;;
  aarch64) branches=-mbranch-protection=standard ;;
  *) branches= ;;
esac
export DEB_CXXFLAGS_MAINT_APPEND="-fstack-clash-protection $branches \
-Wno-restrict -Wno-stringop-overread -Wno-stringop-overflow"
flags=$(mkdir -p "$tree" && cd "$tree" && dpkg-buildflags --get CXXFLAGS && dpkg-buildflags --get CPPFLAGS)

log=$out/sockherd-$version-$release.build
if ! rpmbuild -ba --noclean --nodeps --without tests --load packaging/rpm/macros \
  --define "_topdir $top" --define "_rpmdir $out" --define "_srcrpmdir $out" \
  --define "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" \
  --define "optflags ${flags//$'\n'/ }" --define "build_ldflags $(dpkg-buildflags --get LDFLAGS)" \
  --define "_smp_mflags -j$(nproc)" --define "_build_env $locale" \
  --define "_cmake_more -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON" \
  "$spec" >"$log" 2>&1; then
  tail -40 "$log" >&2
  echo "rpmbuild failed; all of it: $log" >&2
  exit 1
fi
rm -rf "$top/BUILDROOT"
echo "$key" >"$stamp"
ls -s --block-size=K "$out"/sockherd-*"$version-$release".*.rpm >&2
