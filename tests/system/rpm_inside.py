"""The RPMs, installed by rpm into this tree before it was booted. Runs in the container, as root."""
import os
import pathlib
import unittest

from tests.support import processes
from tests.support.http import request
from tests.support.wait import until
from tests.system import upgrade
from tests.system.case import SystemCase
from tests.system.rpm_packages import Packages, rpm
from tests.system.service import (ADMIN_SOCKET, CONFIG, SERVICE, SOCKET, configure, journal, main_pid, scale,
                                  serving, settle, show, systemctl, web_address)
from tests.system.upgrade import INSTANCE, INSTANCE_CONFIG, INSTANCE_TEXT

UNITS = (SERVICE, SOCKET, ADMIN_SOCKET)
OURS = ("etc", "usr", "var", "run")  # where a package could have left something


def states(verb):
    """is-enabled or is-active of our units."""
    return [systemctl(verb, unit, check=False).stdout.strip() for unit in UNITS]


class A_Fresh(unittest.TestCase):
    """As rpm has left it. The first of the suites."""

    def test_1_nothing_runs_and_nothing_is_enabled(self):
        """That is for presets, and Fedora's say no."""
        self.assertEqual((states("is-enabled"), states("is-active")), (3 * ["disabled"], 3 * ["inactive"]))

    def test_2_nothing_differs_from_the_package(self):
        """Modes, owners and sums, and the account that owns the logs."""
        self.assertEqual(rpm("-V", "sockherd", "sockherd-devel").stdout, "")

    def test_3_enabled_it_serves(self):
        """With the configuration of the package, started by the first request."""
        systemctl("enable", "--now", SOCKET, ADMIN_SOCKET)
        self.assertEqual(request(web_address(), "GET", "/plaintext").status, 200)
        until(lambda: show("ActiveState") == "active", "an active service")
        self.assertEqual(rpm("-V", "sockherd", "sockherd-devel").stdout, "")


class B_Serving(SystemCase):
    """What the other suites do with the same programs, once."""

    def test_reload_and_scale(self):
        """Nothing is lost."""
        self.start(2)
        load = self.load()
        before = serving()
        systemctl("reload", SERVICE)
        settle(2, before)
        scale(4)
        scale(1)
        self.assert_nothing_lost(load.stop())


class C_Upgrade(upgrade.UpgradeCase):
    """By the scriptlets, and the triggers of Fedora's systemd."""

    packages = Packages()

    def assert_reported(self, done, version):
        """rpm does not wait for workers; who watches them is `sockherdctl events`."""
        if version == "no-start":
            self.assertRegex(done.stdout + done.stderr, r"sockherd\.service.*failed", journal())
        self.assertEqual(self.packages.version(), self.packages.versions[version])


class D_Erase(SystemCase):
    """The last of the suites."""

    def test_1_leaves_nothing_but_what_was_changed(self):
        """The configuration is kept as .rpmsave; the account stays, as everywhere in Fedora."""
        packages = Packages()
        packages.put("this")
        self.start(2)
        configure(3)
        mine = CONFIG.read_text()
        systemctl("enable", *UNITS)
        INSTANCE_CONFIG.write_text(INSTANCE_TEXT)
        systemctl("enable", "--now", INSTANCE)
        pids = [main_pid(), int(show("MainPID", INSTANCE)), *serving()]
        packages.remove()
        self.assertEqual([pid for pid in pids if processes.is_alive(pid)], [])
        INSTANCE_CONFIG.unlink()
        self.assertEqual(states("is-active"), 3 * ["inactive"])
        left = [os.path.join(folder, name) for top in OURS for folder, folders, files in os.walk(f"/{top}")
                for name in folders + files if "sockherd" in name and "sockherd-test" not in name]
        self.assertEqual(left, ["/etc/sockherd", f"{CONFIG}.rpmsave"])
        self.assertEqual(pathlib.Path(f"{CONFIG}.rpmsave").read_text(), mine)

    def test_2_comes_again(self):
        """As if it had never been there."""
        packages = Packages()
        self.assertEqual(packages.put("this").returncode, 0)
        pathlib.Path(f"{CONFIG}.rpmsave").unlink()
        self.assertEqual(rpm("-V", "sockherd").stdout, "")
        systemctl("enable", "--now", SOCKET, ADMIN_SOCKET)
        self.assertEqual(request(web_address(), "GET", "/plaintext").status, 200)

    def setUp(self):
        if Packages.version():
            super().setUp()


if __name__ == "__main__":
    unittest.main()
