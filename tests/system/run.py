#!/usr/bin/env python3
"""The system test: the packages of this tree in a fresh Debian 12, booted with real systemd.

    python3 -m tests.system.run --debs build/deb --hammer build/dev/bin/sockherd-hammer [TEST...]

Needs root, because it boots a container; without it the test fails, it is never skipped. The tests
themselves are tests/system/inside.py and its like, and run in the container, where the package is
installed. Those of BARE install it themselves.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

from tests.system import container, debs, tree, user_mode

SUITES = ("inside", "lossless", "commands", "profiles", "surroundings")
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
            container.install_packages_to_test(root, (package, following))
        else:
            container.install_package(root, package)
            debs.programs(following, root / NEXT)


def run(options):
    """Returns the exit status of the tests inside."""
    began = time.monotonic()
    package = debs.find(options.debs)
    tests = options.tests or SUITES
    is_bare = tests[0].split(".")[0] in BARE
    ensure = tree.ensure_backports if options.backports else tree.ensure_cached
    with tree.throwaway(ensure(debs.dependencies(package))) as root:
        container.install_tests(root, options.hammer.resolve())
        install(root, package, is_bare)
        names = " ".join(f"tests.system.{name}" for name in tests)
        container.install_service(root, f"python3 -m unittest -v {names}")
        print(f"installed in {time.monotonic() - began:.1f} s, booting", flush=True)
        status, output = container.boot(root, user_mode.command if options.own_kernel else container.nspawn)
    print(output)
    print(f"system test: status {status} after {time.monotonic() - began:.1f} s")
    return status


def main():
    """Errors of the set-up are one line each."""
    try:
        sys.exit(run(arguments()))
    except (tree.TreeError, container.ContainerError, debs.PackagesMissing) as error:
        sys.exit(f"system test: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"system test: {error}\n{error.stderr or ''}")


if __name__ == "__main__":
    main()
