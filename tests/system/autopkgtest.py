#!/usr/bin/env python3
"""packaging/debian/tests by autopkgtest's own runner, in the booted tree. By hand: it takes minutes and the network.

    python3 -m tests.system.autopkgtest --debs build/deb

Each test, also the one that wants a compiler, finds what the runner has installed for it, and nothing else of ours.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys

from tests.system import container, debs, tree

# The runner, and what the tests want: there is no network once the tree is booted.
WANTED = ("autopkgtest", "apt-utils", "dpkg-dev", "g++", "cmake", "make", "nlohmann-json3-dev")


def add(root, packages):
    """Further packages to a tree that is not booted; apt has the network of this machine."""
    apt = ("apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends "
           f"-o Dpkg::Use-Pty=0 install {' '.join(packages)}")
    subprocess.run(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", "-D", str(root), "sh", "-c",
                    apt], check=True, stdin=subprocess.DEVNULL)


def run(folder):
    """Returns the exit status of the runner."""
    package = debs.find(folder)
    source = folder / f"sockherd_{debs.field(package, 'Version')}.dsc"
    with tree.throwaway(tree.ensure_cached(debs.dependencies(package))) as root:
        add(root, WANTED)
        home = root / container.HOME
        home.mkdir()
        for path in (package, debs.find(folder, "sockherd-dev"), source, *folder.glob("*.tar.xz")):
            shutil.copy2(path, home)
        container.install_service(root, f"autopkgtest --no-built-binaries *.deb {source.name} -- null",
                                  "HOME=/root LC_ALL=C.UTF-8")
        status, output = container.boot(root)
    print(output)
    return status


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--debs", type=pathlib.Path, required=True, help="what ./dev deb has built")
    try:
        sys.exit(run(parser.parse_args().debs))
    except (tree.TreeError, container.ContainerError, debs.PackagesMissing, subprocess.CalledProcessError) as error:
        sys.exit(f"autopkgtest: {error}")
