"""What run.py and rpm_run.py share: a tree of their own, our tests in it, a boot, and one line for what goes wrong before."""
import subprocess
import sys
import time

from tests.system import container, debs, rpm_variants, tree

ERRORS = (tree.TreeError, container.ContainerError, debs.PackagesMissing, rpm_variants.RpmError,
          subprocess.CalledProcessError, AssertionError)


def run(cached, hammer, install, names, boots=container.nspawn):
    """Prints what the tests say, and returns their exit status. install(root): what else has to be in the tree."""
    began = time.monotonic()
    with tree.throwaway(cached) as root:
        container.install_tests(root, hammer.resolve())
        install(root)
        container.install_service(root, f"python3 -m unittest -v {' '.join(f'tests.system.{name}' for name in names)}")
        print(f"installed in {time.monotonic() - began:.1f} s, booting", flush=True)
        status, output = container.boot(root, boots)
    print(output)
    print(f"system test: status {status} after {time.monotonic() - began:.1f} s")
    return status


def main(test):
    """Ends with the status that test() returns."""
    try:
        sys.exit(test())
    except ERRORS as error:
        sys.exit(f"system test: {error}\n{getattr(error, 'stderr', None) or ''}")
