"""Upgrades of the installed package under load. Runs in the container, as root.

`packages` is a package manager with the files that were made for this test: "this" version and the "next",
which is whole; "no-start", whose sockherd ends at once; "no-workers", whose workers do.
"""
import os
import time

from tests.support.hammer import Hammer
from tests.support.mixed_load import MixedLoad
from tests.support.wait import until
from tests.system import service
from tests.system.case import SystemCase
from tests.system.service import (ADMIN_SOCKET, CONFIG, SERVICE, SOCKET, configure, journal, main_pid,
                                  serving, settle, show, systemctl, web_address)

REQUESTS = 100_000
WORKERS = 4


def is_of_this_file(pid):
    """Whether a process runs the program that is installed now, and not its predecessor."""
    return not os.readlink(f"/proc/{pid}/exe").endswith(" (deleted)")


class AllClients:
    """Every kind of client (MixedLoad), and some that never pause, for the number."""

    def __init__(self, address):
        # Late is what waited for two lost SYNs: a busy machine is not mistaken for one.
        self.mixed = MixedLoad(address, wait_ms=1500, slow_after_ms=3000)
        self.busy = Hammer(address, path="/plaintext", body="Hello, World!", keepalive=8, think_ms=0,
                           slow_after_ms=3000)

    def __exit__(self, *_):
        self.mixed.__exit__()
        self.busy.__exit__()

    def after(self, count):
        """Waits for so many more right answers of the mixed kinds."""
        self.mixed.after(count)

    def so_far(self):
        """The counts at this moment, of both."""
        return self.mixed.so_far(), self.busy.so_far()

    def stop(self):
        """Lets requests under way finish, and returns both reports."""
        return self.mixed.stop(), self.busy.stop()


def sockets():
    """When the socket units began to listen: what a restart of theirs would change."""
    return [show(name, unit) for unit in (SOCKET, ADMIN_SOCKET)
            for name in ("ActiveState", "ActiveEnterTimestampMonotonic", "InvocationID")]


class UpgradeCase(SystemCase):
    """One package manager."""

    packages = None

    def setUp(self):
        self.packages.put("this")
        super().setUp()

    def begin(self):
        """Service and load."""
        self.start(WORKERS)
        self.load = AllClients(web_address())
        self.addCleanup(self.load.__exit__)
        self.load.after(200)
        self.before = sockets()

    def assert_untouched(self):
        """Nothing was lost so far, and no socket unit has been restarted."""
        for report in self.load.so_far():
            self.assertEqual(report.lost, 0, f"{report.summary()}\n{journal(60)}")
        self.assertEqual(sockets(), self.before, journal(60, SERVICE, SOCKET, ADMIN_SOCKET))

    def end(self):
        """Returns how many requests were answered; none was lost, none was late."""
        reports = self.load.stop()
        for report in reports:
            self.assertEqual((report.lost, report["slow"]), (0, 0), f"{report.summary()}\n{journal(60)}")
        self.assertEqual(sockets(), self.before, journal(60, SERVICE, SOCKET, ADMIN_SOCKET))
        return sum(report["ok"] for report in reports)

    def replace(self, version):
        """Installs a version that works; returns when only that one serves."""
        main, workers = main_pid(), serving()
        done = self.packages.put(version)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + journal())
        until(lambda: main_pid() not in (0, main), "another supervisor", explain=journal)
        settle(WORKERS, workers)
        for pid in (main_pid(), *serving()):
            self.assertTrue(is_of_this_file(pid), pid)
        self.assertEqual(self.packages.version(), self.packages.versions[version])
        self.assertEqual(service.ctl("version").split()[1], self.packages.versions[version])
        self.load.after(200)
        self.assert_untouched()

    def test_upgrade_and_downgrade(self):
        """To the next version and back, until so many requests were answered."""
        self.begin()
        began, rounds = time.monotonic(), 0
        while rounds < 2 or sum(report["ok"] for report in self.load.so_far()) < REQUESTS:
            for version in ("next", "this"):
                self.replace(version)
            rounds += 1
        answered = self.end()
        self.assertGreaterEqual(answered, REQUESTS)
        print(f"{2 * rounds} upgrades and downgrades, {answered} requests, none lost, "
              f"{time.monotonic() - began:.0f} s", flush=True)

    def test_a_version_that_does_not_start(self):
        """The old workers serve on, for as long as it takes; the next one takes them over."""
        self.begin()
        workers = serving()
        done = self.packages.put("no-start")
        self.assert_reported(done)
        until(lambda: int(show("NRestarts")) > 2, "further tries", explain=journal)
        self.load.after(500)
        self.assert_untouched()
        for pid in workers:
            self.assertFalse(is_of_this_file(pid), "an old worker is gone")
        main = main_pid()
        self.assertEqual(self.packages.put("this").returncode, 0)
        until(lambda: main_pid() not in (0, main) and is_of_this_file(main_pid()), "a supervisor",
              explain=journal)
        settle(WORKERS, workers)
        self.load.after(200)
        self.end()

    def test_a_version_whose_workers_do_not_start(self):
        """The new supervisor gives up after some tries, and leaves the old ones alone."""
        self.begin()
        workers = serving()
        self.packages.put("no-workers")
        until(lambda: "upgrade-failed" in service.ctl("events"), "an end of the upgrade", explain=journal)
        self.load.after(200)
        self.assertEqual(serving(), workers)
        self.assert_untouched()
        self.replace("this")
        self.end()

    def assert_reported(self, done):
        """The package manager says that the service did not start, and where to look."""
        self.assertRegex(done.stdout + done.stderr, r"sockherd\.service.*failed", journal())

    def test_changed_configuration_is_kept(self):
        """What the administrator wrote stands after an upgrade, and is in force."""
        self.start(WORKERS)
        configure(3)
        mine = CONFIG.read_text()
        systemctl("reload", SERVICE)
        settle(3)
        before = serving()
        self.assertEqual(self.packages.put("next").returncode, 0)
        settle(3, before)
        self.assertEqual(CONFIG.read_text(), mine)

    def test_a_stopped_service_stays_stopped(self):
        """An upgrade starts nothing that the administrator has stopped."""
        systemctl("stop", SERVICE, SOCKET, ADMIN_SOCKET)
        self.assertEqual(self.packages.put("next").returncode, 0)
        self.assertEqual([show("ActiveState", unit) for unit in (SERVICE, SOCKET, ADMIN_SOCKET)],
                         3 * ["inactive"])
