"""The .deb: installed, upgraded under load, spoiled, removed, purged. Runs in the container, as root."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

from tests.support import processes
from tests.support.http import request
from tests.support.wait import until
from tests.system import service, upgrade
from tests.system.container import HOME
from tests.system.deb_packages import Packages, apt, installed, run
from tests.system.service import (ADMIN_SOCKET, SERVICE, SOCKET, configure, journal, main_pid, show, systemctl,
                                  wait_workers)
from tests.system.upgrade import INSTANCE, INSTANCE_CONFIG, INSTANCE_TEXT

UNITS = (SERVICE, SOCKET, ADMIN_SOCKET)
WANTS = pathlib.Path("/etc/systemd/system/multi-user.target.wants")
APPARMOR_OFF = pathlib.Path("/etc/apparmor.d/disable/usr.sbin.sockherd")
PACKAGES = Packages()
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")
WEB = "127.0.0.1:8080"

# What changes all the time, what keeps a diary, and what a timer writes at midnight (logrotate, dpkg-db-backup).
NOT_OURS = ("/proc", "/sys", "/dev", "/tmp", "/run/systemd", "/run/log", "/run/udev", "/run/dbus", "/var/log/apt",
            "/var/log/journal", "/var/log/dpkg.log", "/var/log/alternatives.log", "/var/cache", "/var/lib/dpkg",
            "/var/lib/apt", "/var/lib/systemd", "/var/lib/logrotate", "/var/backups", "/var/tmp", f"/{HOME}", "/root")
# The account stays (README.Debian), and whoever writes those files leaves a copy of what was before.
ACCOUNT = {f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow")}


def files():
    """All there are, but for what others write."""
    found = set()
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if not os.path.join(folder, name).startswith(NOT_OURS)]
        found |= {os.path.join(folder, name) for name in folders + names}
    return {path for path in found if not path.startswith(NOT_OURS)} - ACCOUNT


def without_systemd(*command):
    """In a mount namespace where /run is empty, as in a chroot."""
    return ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh", *command)


class PackageCase(unittest.TestCase):
    """Begins without it, and ends so."""

    def setUp(self):
        self.clear()
        self.addCleanup(self.clear)

    def clear(self):
        """As it was before."""
        POLICY.unlink(missing_ok=True)
        if installed() != ("", ""):
            self.check(apt("purge", "sockherd"))
        systemctl("reset-failed", check=False)

    def check(self, done):
        """It must have worked."""
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{journal(60, *UNITS)}")
        return done

    def install(self, name="this", before=()):
        """With apt; returns what it said."""
        done = self.check(apt("install", PACKAGES.paths[name], before=before))
        self.assertEqual(installed(), ("installed", PACKAGES.versions[name]))
        return done.stdout

    def states(self):
        """Of the service and its sockets."""
        return [show("ActiveState", unit) for unit in UNITS]


class Installation(PackageCase):
    """It comes and goes."""

    def test_serves_as_it_comes(self):
        """Sockets and service are enabled and run; the demo answers, as the package's own user."""
        self.install()
        self.assertEqual(self.states(), 3 * ["active"], journal())
        self.assertEqual([show("UnitFileState", unit) for unit in UNITS], 3 * ["enabled"])
        self.assertEqual(request(WEB, "GET", "/plaintext").status, 200)
        self.assertNotEqual(service.user_of(main_pid()), 0)
        self.assertEqual(run("dpkg", "--verify", "sockherd").stdout, "", "files differ from what is in the package")

    def test_policy_says_no(self):
        """Then nothing is started by an installation, and nothing restarted by an upgrade."""
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
        self.install()
        self.assertEqual(self.states(), 3 * ["inactive"], journal())
        self.assertEqual([show("UnitFileState", unit) for unit in UNITS], 3 * ["enabled"])
        systemctl("start", SERVICE)
        before = main_pid()
        self.install("next")
        self.assertEqual(main_pid(), before)
        POLICY.unlink()

    def test_where_no_systemd_runs(self):
        """Everything works, and nothing is started."""
        before = files()
        self.install("this", before=without_systemd())
        self.assertEqual(os.readlink(APPARMOR_OFF), "/etc/apparmor.d/usr.sbin.sockherd", "the profile would be loaded")
        APPARMOR_OFF.unlink()
        for name in ("next", "this"):
            self.install(name, before=without_systemd())
        self.assertFalse(APPARMOR_OFF.is_symlink(), "whether it is loaded is the administrator's now")
        self.assertEqual(self.states(), 3 * ["inactive"])
        self.assertTrue(pathlib.Path("/etc/systemd/system/sockets.target.wants", SOCKET).is_symlink(), "not enabled")
        self.check(apt("purge", "sockherd", before=without_systemd()))
        self.assertEqual(files() - before, set())

    def test_purge_leaves_nothing(self):
        """Of all that it brings and makes while it runs, instances included."""
        before = files()
        self.install()
        INSTANCE_CONFIG.write_text(INSTANCE_TEXT)
        systemctl("enable", "--now", INSTANCE)
        configure(pool='access_log = "/var/log/sockherd/access.log"')
        systemctl("restart", SERVICE)
        wait_workers(2)
        service.scale(3)
        request(WEB, "GET", "/plaintext")
        pids = [pid for main in (main_pid(), int(show("MainPID", INSTANCE)))
                for pid in (main, *processes.children(main))]
        until(pathlib.Path("/var/log/sockherd/access.log").exists, "a log")
        made = files() - before
        for path in ("/run/sockherd/state", "/var/log/sockherd/access.log", "/etc/sockherd/sockherd.toml",
                     "/usr/sbin/sockherd", str(WANTS / SERVICE), str(WANTS / INSTANCE), str(APPARMOR_OFF),
                     "/run/sockherd@shop/state", "/var/log/sockherd/shop", "/etc/logrotate.d/sockherd"):
            self.assertIn(path, made)
        INSTANCE_CONFIG.unlink()
        self.check(apt("purge", "sockherd"))
        self.assertEqual(files() - before, set())
        self.assertFalse([pid for pid in pids if processes.is_alive(pid)])
        self.assertEqual(show("LoadState"), "not-found")

    def test_removal_keeps_what_was_configured(self):
        """And the next installation serves by it again."""
        self.install()
        configure(workers=3)
        text = service.CONFIG.read_text()
        systemctl("enable", INSTANCE)
        self.check(apt("remove", "sockherd"))
        self.assertFalse((WANTS / INSTANCE).is_symlink(), "a link that leads nowhere")
        self.assertEqual((self.states(), service.CONFIG.read_text()), (3 * ["inactive"], text))
        self.assertFalse(pathlib.Path("/run/sockherd").exists())
        self.install()
        self.assertEqual((self.states(), service.CONFIG.read_text()), (3 * ["active"], text))
        wait_workers(3)


    def test_a_removal_that_is_given_up(self):
        """What ran runs again, and what was stopped stays so."""
        self.install()
        prerm = pathlib.Path("/var/lib/dpkg/info/sockherd.prerm")
        whole = prerm.read_text()
        self.addCleanup(prerm.write_text, whole)
        prerm.write_text(f"{whole}\nexit 1\n")
        for stopped, expected in (((), 3 * ["active"]), ((SERVICE, SOCKET), ["inactive", "inactive", "active"])):
            if stopped:
                systemctl("stop", *stopped)
            pid = main_pid()
            self.assertNotEqual(run("dpkg", "--remove", "sockherd").returncode, 0)
            self.assertEqual(self.states(), expected, journal(60, *UNITS))
            self.assertTrue(pid == 0 or main_pid() != pid, "it was not stopped in between")
            self.assertEqual(installed()[0], "installed")


class TakenPort(PackageCase):
    """The first installation where another program has a port of ours. It is what the administrator is told that helps."""

    def setUp(self):
        super().setUp()
        self.addCleanup(systemctl, "daemon-reload")
        for unit in UNITS:
            self.addCleanup(shutil.rmtree, f"/etc/systemd/system/{unit}.d", ignore_errors=True)

    def install_beside(self, family, host, port, unit):
        """Everything is installed, nothing runs, nor tries to. Returns the other program, and the commands of the remedy."""
        other = socket.create_server((host, port), family=family)
        self.addCleanup(other.close)
        before = show("ExecMainStartTimestampMonotonic")
        said = self.install()
        self.assertIn(f"sockherd: {unit} could not be started", said)
        self.assertEqual(self.states(), ["failed" if name == unit else "inactive" for name in UNITS], said)
        self.assertEqual(show("ExecMainStartTimestampMonotonic"), before, journal(60))
        commands = [line.strip() for line in said.splitlines() if line.startswith("    ")]
        self.assertEqual(len(commands), 4, said)
        return other, commands

    def follow(self, commands):
        """Word for word."""
        self.check(run("sh", "-ec", "\n".join(commands)))
        self.assertEqual(self.states(), 3 * ["active"], journal(60, *UNITS))
        self.assertEqual(show("NRestarts"), "0", journal(60))

    def test_web_gets_another_port(self):
        """And the other program keeps its own."""
        other, commands = self.install_beside(socket.AF_INET6, "::", 8080, SOCKET)
        self.follow(commands)
        self.assertEqual(request("127.0.0.1:8081", "GET", "/plaintext").status, 200)
        with socket.create_connection(("::1", 8080)):
            other.accept()[0].close()

    def test_the_other_program_ends(self):
        """The last command is all that is needed."""
        other, commands = self.install_beside(socket.AF_INET6, "::", 8080, SOCKET)
        other.close()
        self.follow(commands[-1:])
        self.assertEqual(request(WEB, "GET", "/plaintext").status, 200)

    def test_admin_gets_another_port(self):
        """The web socket does not listen meanwhile: a connection would start a service that tried the port again and again."""
        _, commands = self.install_beside(socket.AF_INET, "127.0.0.1", 9753, ADMIN_SOCKET)
        self.follow(commands)
        self.assertEqual(request(WEB, "GET", "/plaintext").status, 200)
        self.assertEqual(request("127.0.0.1:9754", "GET", "/readyz").status, 200)


class Autopkgtest(PackageCase):
    """packaging/debian/tests, much as its runner calls them: the package installed, in the folder of its source.

    The runner itself (tests/system/autopkgtest.py) installs everything anew for each test.
    """

    def test_all(self):
        """Each of them but what wants a compiler."""
        self.install()
        ran = []
        for stanza in self.stanzas(pathlib.Path(f"/{HOME}/debian/tests/control").read_text()):
            for name in [] if "g++" in stanza["Depends"] else stanza["Tests"].split():
                with self.subTest(name):
                    self.call(name, may_complain="allow-stderr" in stanza["Restrictions"])
                ran.append(name)
        self.assertEqual(ran, ["serve", "scale", "reload", "upgrade"])

    @staticmethod
    def stanzas(text):
        """Of a control file, as dictionaries."""
        return [dict(line.split(": ", 1) for line in stanza.splitlines()) for stanza in text.split("\n\n")]

    def call(self, name, may_complain):
        """In a folder of its own; what it says on stderr is a failure, as for the runner."""
        with tempfile.TemporaryDirectory() as scratch:
            done = subprocess.run([f"debian/tests/{name}"], cwd=f"/{HOME}", text=True, capture_output=True,
                                  env={**os.environ, "AUTOPKGTEST_TMP": scratch})
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}\n{journal(60)}")
        self.assertTrue(may_complain or not done.stderr, done.stderr)


class Upgrade(upgrade.UpgradeCase):
    """By the scripts of the package. Each test finds it installed."""

    packages = PACKAGES
    REMARKS = {"no-start": "the new version of sockherd.service does not start",
               "no-workers": "workers of the new version of sockherd.service do not start"}

    def assert_reported(self, done, version):
        """apt fails and says why."""
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(self.REMARKS[version], done.stdout)
        self.assertIn("'journalctl -u sockherd' says more", done.stdout)
        self.assertEqual(installed(), ("half-configured", self.packages.versions[version]))


if __name__ == "__main__":
    unittest.main()
