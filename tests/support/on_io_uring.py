"""Runs suites on io_uring, or ends with 77, which CTest calls skipped, where workers get none from the kernel.

    SOCKHERD_POOL__WEB__ENGINE=io_uring python3 -m tests.support.on_io_uring tests.integration.test_x [-k NAME]

Without this they would run on epoll once more, and pass.
"""
import sys
import unittest

from tests.support.daemon import Daemon, basic_config

SKIPPED = 77


def engine_of_a_worker():
    """What one says of itself."""
    with Daemon(basic_config(workers=1)) as daemon:
        daemon.ready()
        return daemon.wait_workers(1)[0]["status"]


if __name__ == "__main__":
    if (status := engine_of_a_worker()) != "serving on io_uring":
        print(f"a worker that is to use io_uring says \"{status}\"")
        sys.exit(SKIPPED)
    unittest.main(module=None, argv=["unittest", "-v", *sys.argv[1:]])
