"""The Debian packages that ./dev deb has built: which they are, what they need, and how to spoil one."""
import hashlib
import pathlib
import re
import shutil
import subprocess
import tempfile

# What ends at once in a version that is broken.
BROKEN = {"no-start": "usr/sbin/sockherd", "no-workers": "usr/libexec/sockherd/sockherd-worker"}


class PackagesMissing(Exception):
    """The text says what to do about it."""


def find(folder, name="sockherd"):
    """The one of the tree as it is; without a suffix (./dev deb +SUFFIX)."""
    found = [path for path in pathlib.Path(folder).glob(f"{name}_*.deb") if "+" not in path.name]
    if len(found) != 1:
        raise PackagesMissing(f"{folder} has {[path.name for path in found] or 'no packages'}, not one {name}: "
                              "./dev deb, after removing what is too much")
    return found[0]


def field(package, name):
    """Of its control file; empty where it is not there."""
    done = subprocess.run(["dpkg-deb", "--field", str(package), name], check=True, text=True, capture_output=True)
    return done.stdout.strip()


def dependencies(package):
    """The names of the packages that it needs, the first of alternatives."""
    wanted = f"{field(package, 'Pre-Depends')},{field(package, 'Depends')}"
    return sorted({re.match(r"[\w.+-]+", one.strip())[0] for one in wanted.split(",") if one.strip()})


def write_sums(root):
    """What debsums and dpkg --verify compare with."""
    sums = root / "DEBIAN/md5sums"
    paths = [line.split("  ", maxsplit=1)[1] for line in sums.read_text().splitlines()]
    sums.write_text("".join(f"{hashlib.md5((root / path).read_bytes()).hexdigest()}  {path}\n" for path in paths))


def changed(package, folder, version, change):
    """A copy of it with another version, in which change(root) has been done; its path."""
    with tempfile.TemporaryDirectory(prefix="deb-") as scratch:
        root = pathlib.Path(scratch, "root")
        subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(root)], check=True)
        control = root / "DEBIAN/control"
        control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text()))
        change(root)
        write_sums(root)
        target = pathlib.Path(folder, f"sockherd_{version}.deb")
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Znone", str(root), str(target)], check=True,
                       stdout=subprocess.DEVNULL)
    return target


def following(package, folder):
    """The next version of it: the same programs, but for the version that they know. Its path.

    Nothing else differs when the same sources are compiled under another number, and this takes seconds.
    """
    version = field(package, "Version")
    other = "9" + version[1:]  # the end of the text may be the text of others: linkers share tails

    def change(root):
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink() and version.encode() in (old := path.read_bytes()):
                path.write_bytes(old.replace(version.encode(), other.encode()))
    return changed(package, folder, other, change)


def broken(package, folder, name):
    """A version of it after all others, in which a program says no. Its path."""
    def change(root):
        (root / BROKEN[name]).write_text("#!/bin/sh\necho spoiled >&2\nexit 1\n")
    return changed(package, folder, f"{field(package, 'Version')}+{name.replace('-', '')}", change)


def programs(package, folder):
    """What it would install, below a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["dpkg-deb", "--extract", str(package), str(folder)], check=True)
