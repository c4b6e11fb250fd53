"""TestCases on the installed service: each begins with sockets that listen and a service that is down."""
import unittest

from tests.support.hammer import Hammer
from tests.system import service
from tests.system.service import (ADMIN_SOCKET, SERVICE, SOCKET, configure, journal, systemctl,
                                  wait_workers, web_address)


def start_sockets():
    """Right after they were stopped: systemd 252 on a busy machine may still be about to remove their control group, and
    then fails to start the helper that chowns the node."""
    for _ in range(3):
        done = systemctl("start", SOCKET, ADMIN_SOCKET, check=False)
        if done.returncode == 0:
            return
        if "status=219/CGROUP" not in journal(20, ADMIN_SOCKET):
            break
    raise AssertionError(f"{done.stderr}{journal(60, SERVICE, SOCKET, ADMIN_SOCKET)}")


class SystemCase(unittest.TestCase):
    """What all of these need."""

    def setUp(self):
        systemctl("stop", SERVICE, SOCKET, ADMIN_SOCKET, check=False)
        systemctl("reset-failed", check=False)
        service.STATE.unlink(missing_ok=True)
        configure()
        start_sockets()

    def start(self, workers=2, **options):
        """The service, serving."""
        configure(workers, **options)
        systemctl("start", SERVICE)
        wait_workers(workers)

    def load(self, **options):
        """A hammer that is ended with the test."""
        load = Hammer(web_address(), **{"path": "/whoami", "short": 12, **options})
        self.addCleanup(load.__exit__)
        load.after(200)
        return load

    def assert_nothing_lost(self, report):
        """Not one."""
        self.assertEqual((report.lost, report.late), (0, 0), f"{report.summary()}\n{journal()}")
        self.assertGreater(report["ok"], 0)
