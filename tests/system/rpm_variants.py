"""Further RPMs for the tests: a stand-in for the host, the next version of ours, and broken ones."""
import pathlib
import re
import shutil
import subprocess

from tests.support.paths import ROOT

SPEC = ROOT / "packaging/rpm/sockherd.spec"
BUILT = ROOT / "build/rpm/work"
COMPILED = ROOT / "build/package"
MACROS = ROOT / "packaging/rpm/macros"
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu")
PROGRAMS = " ".join(f"%{{buildroot}}/usr/{name}" for name in (
    "sbin/sockherd", "bin/sockherdctl", "libexec/sockherd/sockherd-worker", "libexec/sockherd/sockherd-admin"))

# What is done to their files. The next version is the same programs with another number in them, since to link them
# again takes minutes (./dev deb +next does it).
BROKEN = {"no-start": "sbin/sockherd", "no-workers": "libexec/sockherd/sockherd-worker"}
NAMES = ("next", *BROKEN)


class RpmError(Exception):
    """rpm or rpmbuild failed; the text is what it said."""


def run(command, **options):
    """Its output; a failure is an error with all that it said."""
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        raise RpmError(f"{command}: {done.stdout[-3000:]}")
    return done.stdout


def build(spec, folder, **macros):
    """rpmbuild -bb; the paths of what it made."""
    defines = {"_topdir": folder / "top", "_rpmdir": folder, "debug_package": "%{nil}",
               "_build_id_links": "none", "_binary_payload": "w1.gzdio",
               "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm", **macros}
    options = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
    written = run(["rpmbuild", "-bb", "--nodeps", "--nocheck", "--without", "tests", "--load", MACROS, *options, spec])
    return [pathlib.Path(line.split()[-1]) for line in written.splitlines() if line.startswith("Wrote: ")]


def host(tree, folder):
    """The package that provides what a tree has, and Fedora's side of the scriptlets."""
    libraries = [path for name in LIBRARIES for path in sorted((tree / name).glob("*.so*")) if path.is_file()]
    provided = run(["/usr/lib/rpm/rpmdeps", "--provides"], input="\n".join(map(str, libraries)))
    lines = "\n".join(f"Provides: {line}" for line in sorted(set(provided.split("\n"))) if line)
    spec = folder / "host.spec"
    spec.write_text((pathlib.Path(__file__).parent / "rpm_host.spec").read_text()
                    .replace("%{provides}", lines))
    return build(spec, folder)[0]


def rewritten(text, name, value):
    """A spec with another value in a tag."""
    changed, count = re.subn(rf"(?m)^({name}: +)\S+$", rf"\g<1>{value}", text)
    if count != 1:
        raise RpmError(f"{SPEC} has no {name} that could be replaced")
    return changed


def variant(name, folder):
    """Our packages with other programs in them; all else, the scripts above all, is as it is.

    The spec is built again, with what it has compiled before.
    """
    text = SPEC.read_text()
    version = re.search(r"(?m)^Version: +(\S+)$", text)[1]
    major, minor, patch = version.split(".")
    following = f"{major}.{int(minor) + 1}.{patch}"
    sources = folder / name / "sources"
    shutil.copytree(BUILT / "SOURCES", sources)
    if name == "next":
        # In the middle: linkers merge strings with the ends of others, and "1" is the end of the release.
        change = f"strip -g {PROGRAMS}; sed -i s/{version.replace('.', '[.]')}-1/{following}-1/g {PROGRAMS}"
        text = rewritten(text, "Version", following)
        (sources / f"sockherd-{version}.tar.gz").rename(sources / f"sockherd-{following}.tar.gz")
    else:
        change = f"(echo '#!/bin/sh'; echo 'exit 1') >%{{buildroot}}/usr/{BROKEN[name]}"
        text = rewritten(text, "Release", f"{2 + list(BROKEN).index(name)}%{{?dist}}")
    (folder / name / "sockherd.spec").write_text(text)
    compiled = next(COMPILED.glob("sockherd-*/obj-*"))
    return build(folder / name / "sockherd.spec", folder / name, _sourcedir=sources, _vpath_builddir=compiled,
                 cmake=":", cmake_build=":", __os_install_post=change,
                 autosetup=f"%setup -q -n sockherd-{version}")
