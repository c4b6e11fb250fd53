"""Upgrades of the installed package under load. Runs in the container, as root.

`packages` is a package manager with the files that were made for this test: `paths` and `versions` of "this" one and
the "next", which are whole; "no-start", whose sockherd ends at once; "no-workers", whose workers do. Its `put(name)`
installs one and returns what was said, with the status; its `version()` is what is installed and configured.
debian_package.py and rpm_inside.py have one each, and know how theirs says that something went wrong.
"""
import os
import pathlib
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

INSTANCE = "sockherd@shop.service"
INSTANCE_ADMIN_SOCKET = "sockherd-admin@shop.socket"
INSTANCE_CONFIG = pathlib.Path("/etc/sockherd/shop.toml")
INSTANCE_WEB = "127.0.0.1:8099"
INSTANCE_TEXT = f"""\
[listener.web]
address = "{INSTANCE_WEB}"
[pool.web]
listeners = ["web"]
workers = 2
routes = [{{ path = "/", module = "demo" }}]
"""


def is_of_this_file(pid):
    """Whether a process runs the program that is installed now, and not its predecessor."""
    return not os.readlink(f"/proc/{pid}/exe").endswith(" (deleted)")


class AllClients:
    """Every kind of client (MixedLoad); with `busy` some that never pause, for the number."""

    def __init__(self, address, busy):
        # Late is what waited for two lost SYNs: a busy machine is not mistaken for one.
        self.mixed = MixedLoad(address, wait_ms=1500, slow_after_ms=3000)
        self.loads = [self.mixed]
        if busy:
            self.loads.append(Hammer(address, path="/plaintext", body="Hello, World!", keepalive=busy, think_ms=0,
                                     slow_after_ms=3000))

    def __exit__(self, *_):
        for load in self.loads:
            load.__exit__()

    def after(self, count):
        """Waits for so many more right answers of the mixed kinds."""
        self.mixed.after(count)

    def so_far(self):
        """The counts at this moment, of each."""
        return [load.so_far() for load in self.loads]

    def stop(self):
        """Lets requests under way finish, and returns all reports."""
        return [load.stop() for load in self.loads]


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

    def begin(self, busy=0):
        """Service and load."""
        self.start(WORKERS)
        self.load = AllClients(web_address(), busy)
        self.addCleanup(self.load.__exit__)
        self.load.after(200)
        self.before = sockets()

    def assert_none_lost(self, reports):
        """Nor was a socket unit restarted."""
        for report in reports:
            self.assertEqual(report.lost, 0, f"{report.summary()}\n{journal(60)}")
        self.assertEqual(sockets(), self.before, journal(60, SERVICE, SOCKET, ADMIN_SOCKET))

    def end(self):
        """Returns how many requests were answered; none was lost, none was late."""
        reports = self.load.stop()
        self.assert_none_lost(reports)
        self.assertEqual([report["slow"] for report in reports], len(reports) * [0],
                         f"{[report.summary() for report in reports]}\n{journal(60)}")
        return sum(report["ok"] for report in reports)

    def replace(self, version, workers=None):
        """Installs a version that works; returns when only that one serves, and not `workers`, who did before."""
        main, workers, text = main_pid(), workers or serving(), CONFIG.read_text()
        self.assertEqual(len(workers), WORKERS)
        done = self.packages.put(version)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + journal())
        until(lambda: main_pid() not in (0, main) and is_of_this_file(main_pid()), "another supervisor",
              explain=journal)
        settle(WORKERS, workers)
        for pid in (main_pid(), *serving()):
            self.assertTrue(is_of_this_file(pid), pid)
        number = self.packages.versions[version]
        self.assertEqual(self.packages.version(), number)
        self.assertEqual(service.ctl("version").split()[1], number)
        self.assertIn(f'"{number}"', service.ctl("status", "--json"), "the supervisor is another version")
        self.assertEqual(CONFIG.read_text(), text, "the configuration is the administrator's")
        self.load.after(200)
        self.assert_none_lost(self.load.so_far())

    def test_upgrade_and_downgrade(self):
        """To the next version and back, until so many requests were answered."""
        self.begin(busy=8)
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
        self.assert_reported(self.packages.put("no-start"), "no-start")
        until(lambda: int(show("NRestarts")) > 2, "further tries", explain=journal)
        self.load.after(500)
        self.assert_none_lost(self.load.so_far())
        for pid in workers:
            self.assertFalse(is_of_this_file(pid), "an old worker is gone")
        self.replace("next", workers)
        self.end()

    def test_a_version_whose_workers_do_not_start(self):
        """The new supervisor gives up after some tries, and leaves the old ones alone; the version before is back."""
        self.begin()
        workers = serving()
        self.assert_reported(self.packages.put("no-workers"), "no-workers")
        until(lambda: "upgrade-failed" in service.ctl("events"), "an end of the upgrade", explain=journal)
        self.load.after(500)
        self.assertEqual(serving(), workers)
        self.assert_none_lost(self.load.so_far())
        self.replace("this")
        self.end()

    def assert_reported(self, done, version):
        """The package manager says what did not start, and where to look."""
        raise NotImplementedError

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

    def test_instances(self):
        """Those of the template that run are restarted, too; what they listen on is not."""
        INSTANCE_CONFIG.write_text(INSTANCE_TEXT)
        self.addCleanup(INSTANCE_CONFIG.unlink)
        self.addCleanup(systemctl, "stop", INSTANCE, INSTANCE_ADMIN_SOCKET)
        systemctl("start", INSTANCE)
        load = Hammer(INSTANCE_WEB, path="/plaintext", body="Hello, World!", short=4, keepalive=4,
                      slow_after_ms=3000)
        self.addCleanup(load.__exit__)
        load.after(200)
        for version in ("next", "this"):
            before = int(show("MainPID", INSTANCE))
            self.assertEqual(self.packages.put(version).returncode, 0, journal(60, INSTANCE))
            until(lambda last=before: int(show("MainPID", INSTANCE)) not in (0, last) and
                  show("ActiveState", INSTANCE) == "active", "another supervisor")
            until(lambda: "upgrade-done" in service.ctl("--instance", "shop", "events"), "all workers are new")
            load.after(200)
        self.assert_nothing_lost(load.stop())
