#!/usr/bin/env python3
"""The system test: this build, installed into a fresh Debian 12, booted with real systemd.

    python3 -m tests.system.run --build-dir build/dev [--next-build-dir build/next] [TEST...]

Needs root, because it boots a container; without it the test fails, it is never skipped. The tests
themselves are tests/system/inside.py and its like, and run in the container.
"""
import argparse
import pathlib
import subprocess
import sys
import time

from tests.system import container, tree

SUITES = ("inside", "lossless", "commands", "profiles", "surroundings")
NEXT = "opt/sockherd-next"
PROGRAMS = ("sockherd", "sockherd-worker", "sockherd-admin", "sockherdctl")


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build-dir", type=pathlib.Path, required=True)
    parser.add_argument("--next-build-dir", type=pathlib.Path,
                        help="what to upgrade to; default: copies of the same programs")
    parser.add_argument("tests", nargs="*", help="inside.Class, lossless.Class.test, ...; default: all")
    return parser.parse_args()


def check_libraries(root):
    """Every program of ours must find its libraries in the tree."""
    for name in PROGRAMS:
        found = [path for path in (root / "usr").rglob(name) if path.is_file()]
        if not found:
            raise container.ContainerError(f"cmake --install did not install {name}")
        missing = tree.missing_libraries(root, f"/{found[0].relative_to(root)}")
        if missing:
            raise container.ContainerError(f"{name} misses {missing} in the tree: add their "
                                           "packages to PACKAGES in tests/system/tree.py")


def run(options):
    """Returns the exit status of the tests inside."""
    began = time.monotonic()
    build_dir = options.build_dir.resolve()
    with tree.throwaway(tree.ensure_cached()) as root:
        container.install_build(root, build_dir)
        container.install_tests(root, build_dir / "bin/sockherd-hammer")
        check_libraries(root)
        if options.next_build_dir:
            container.install_files(root / NEXT, options.next_build_dir.resolve())
        names = " ".join(f"tests.system.{name}" for name in options.tests or SUITES)
        container.install_service(root, f"python3 -m unittest -v {names}")
        print(f"installed in {time.monotonic() - began:.1f} s, booting", flush=True)
        status, output = container.boot(root)
    print(output)
    print(f"system test: status {status} after {time.monotonic() - began:.1f} s")
    return status


def main():
    """Errors of the set-up are one line each."""
    try:
        sys.exit(run(arguments()))
    except (tree.TreeError, container.ContainerError) as error:
        sys.exit(f"system test: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"system test: {error}\n{error.stderr or ''}")


if __name__ == "__main__":
    main()
