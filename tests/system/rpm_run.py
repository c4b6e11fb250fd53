#!/usr/bin/env python3
"""The system test of the RPMs: installed by rpm into a root of its own, which is then booted.

    python3 -m tests.system.rpm_run --hammer build/dev/bin/sockherd-hammer [TEST...]

Wants the packages that ./dev rpm has built in build/rpm, and those of ./dev deb: what they depend on is in the tree,
the Debian tree of the other system tests, since there is no Fedora here. A package that stands in for Fedora's
provides what the tree has, so rpm checks every dependency, and runs the scriptlets as Fedora does. The tests are
tests/system/rpm_inside.py and run in the container. Needs root.
"""
import argparse
import pathlib
import shutil
import tempfile

from tests.packaging.rpm_file import package
from tests.support.paths import ROOT
from tests.system import container, debs, frame, rpm_variants, tree

# Fedora's last word about units that nobody has named.
PRESET = "usr/lib/systemd/system-preset/99-default-disable.preset"
PARTS = ("sockherd", "sockherd-devel")


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--hammer", type=pathlib.Path, required=True)
    parser.add_argument("tests", nargs="*", help="C_Upgrade, D_Erase.test_2_comes_again, ...; default: all")
    return parser.parse_args()


def prepare(root):
    """What rpm and Fedora have, and Debian has not."""
    (root / "etc/rpm").mkdir(parents=True, exist_ok=True)
    (root / "etc/rpm/macros").write_text("%_dbpath /var/lib/rpm\n")  # Debian's is in the home folder
    (root / PRESET).parent.mkdir(parents=True, exist_ok=True)
    (root / PRESET).write_text("disable *\n")


def install(root, folder):
    """By the rpm of this machine, in a root that has not been booted."""
    rpm = ["rpm", "--root", root, "--dbpath", "/var/lib/rpm"]
    rpm_variants.run([*rpm, "--initdb"])
    rpm_variants.run([*rpm, "-i", "--force-debian", rpm_variants.host(root, folder)])
    said = rpm_variants.run([*rpm, "-i", "--force-debian", *(package(name) for name in PARTS)])
    if not all(line.startswith(("Creating user ", "Creating group ")) for line in said.splitlines()):
        raise rpm_variants.RpmError(f"the installation had something to say: {said}")


def provide(root, folder):
    """The versions to go to."""
    versions = {"this": [package(part) for part in PARTS]}
    for name in rpm_variants.NAMES:
        versions[name] = rpm_variants.variant(name, folder)
    for name, paths in versions.items():
        target = root / container.HOME / "rpms" / name
        target.mkdir(parents=True)
        for path in paths:
            shutil.copy2(path, target)


def install_all(root):
    """In a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sockherd-rpm-") as folder:
        prepare(root)
        install(root, pathlib.Path(folder))
        provide(root, pathlib.Path(folder))


def test():
    """Returns the exit status of the tests inside."""
    options = arguments()
    names = [f"rpm_inside.{name}" for name in options.tests] or ["rpm_inside"]
    return frame.run(tree.ensure_cached(debs.dependencies(debs.find(ROOT / "build/deb"))), options.hammer, install_all,
                     names)


if __name__ == "__main__":
    frame.main(test)
