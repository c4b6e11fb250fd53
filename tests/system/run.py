#!/usr/bin/env python3
"""The system test: the packages of this tree in a fresh Debian 12, booted with real systemd.

    python3 -m tests.system.run --debs build/deb --hammer build/dev/bin/sockherd-hammer [TEST...]

Needs root, because it boots a container; without it the test fails, it is never skipped. The tests
themselves are tests/system/inside.py and its like, and run in the container, where the package is
installed. Those of BARE install it themselves.
"""
import argparse
import pathlib
import tempfile

from tests.system import container, debs, frame, tree, user_mode

SUITES = ("inside", "lossless", "commands", "profiles", "surroundings", "documents")
BARE = ("debian_package",)
NEXT = "opt/sockherd-next"


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--debs", type=pathlib.Path, required=True, help="what ./dev deb has built")
    parser.add_argument("--hammer", type=pathlib.Path, required=True)
    parser.add_argument("--backports", action="store_true", help="with systemd 254, of bookworm-backports")
    parser.add_argument("--own-kernel", action="store_true", help="on a kernel of its own instead of in a container")
    parser.add_argument("tests", nargs="*", help="inside.Class, lossless.Class.test, ...; default: all but BARE")
    return parser.parse_args()


def install(root, package, is_bare):
    """Installed, or only there to be; the next version beside it."""
    with tempfile.TemporaryDirectory(prefix="next-") as folder:
        following = debs.following(package, folder)
        if is_bare:
            broken = {name: debs.broken(following, folder, name) for name in debs.BROKEN}
            container.install_packages_to_test(root, {"this": package, "next": following, **broken})
        else:
            container.install_package(root, package)
            debs.programs(following, root / NEXT)


def test():
    """Returns the exit status of the tests inside."""
    options = arguments()
    package = debs.find(options.debs)
    names = options.tests or SUITES
    is_bare = names[0].split(".")[0] in BARE
    ensure = tree.ensure_backports if options.backports else tree.ensure_cached
    return frame.run(ensure(debs.dependencies(package)), options.hammer, lambda root: install(root, package, is_bare),
                     names, user_mode.command if options.own_kernel else container.nspawn)


if __name__ == "__main__":
    frame.main(test)
