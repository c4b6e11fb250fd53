#!/usr/bin/env bash
# Builds the RPM packages of this tree as it is: ./dev rpm, into build/rpm.
#
# rpmbuild runs in a clean export, with the flags and the build folder of the Debian packages (sources.sh): what those
# have compiled is in ccache. What is there already is not built again.
#
# The BuildRequires of the spec are Fedora's names, which Debian's rpm knows nothing of, hence --nodeps; ./dev has
# installed the same under Debian's names. The unit tests of %check are left out (--without tests): ./dev test runs
# them.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=packaging/sources.sh
. packaging/sources.sh

out=${RPM_OUT:-$PWD/build/rpm}
top=$out/work
build=$PWD/build/package
spec=packaging/rpm/sockherd.spec
version=$(sed -n 's/^Version: *//p' "$spec")
release=$(sed -n 's/^Release: *\([0-9]*\).*/\1/p' "$spec")
grep -q "^project(sockherd VERSION $version " CMakeLists.txt || {
  echo "$spec has version $version, CMakeLists.txt another one" >&2
  exit 1
}

mkdir -p "$out" "$top"
key=$(export_sources "sockherd-$version" 0 | sha256sum | cut -d' ' -f1)
stamp=$build/.rpm  # goes with what was compiled, which tests install again
if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && compgen -G "$out/sockherd-debuginfo-$version-$release.*.rpm" >/dev/null; then
  echo "build/rpm has $version-$release of this tree already" >&2
  exit 0
fi

rm -f "$stamp" "$out"/sockherd-*.rpm
find "$top" -mindepth 1 -delete
mkdir "$top/SOURCES"
export_sources "sockherd-$version" 0 | gzip -1n >"$top/SOURCES/sockherd-$version.tar.gz"
cp packaging/sysusers.d/sockherd.conf "$top/SOURCES/sockherd.sysusers"

begin_build "$build"
tree=$build/sockherd-$version
unset CFLAGS CXXFLAGS LDFLAGS
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
  --define "_topdir $top" --define "_builddir $build" --define "_rpmdir $out" --define "_srcrpmdir $out" \
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
