"""The .deb: installed, upgraded under load, spoiled, removed, purged. Runs in the container, as root.

Each test begins without it, and ends so.
"""
import os
import pathlib
import subprocess
import tempfile
import unittest

from tests.support import processes
from tests.support.hammer import Hammer
from tests.support.http import request
from tests.support.wait import until
from tests.system import debs, service
from tests.system.container import HOME
from tests.system.service import (ADMIN_SOCKET, SERVICE, SOCKET, configure, journal, main_pid, serving, settle, show,
                                  systemctl, wait_workers)

UNITS = (SERVICE, SOCKET, ADMIN_SOCKET)
PACKAGE, FOLLOWING = sorted(pathlib.Path(f"/{HOME}/debs").iterdir())  # ..._0.1.0-1..., ..._9.1.0-1...
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")
WEB = "127.0.0.1:8080"
ENOUGH = 100_000  # requests, while it is upgraded and downgraded

# What changes all the time, and what keeps a diary.
NOT_OURS = ("/proc", "/sys", "/dev", "/tmp", "/run/systemd", "/run/log", "/run/udev", "/run/dbus", "/var/log/apt",
            "/var/log/journal", "/var/log/dpkg.log", "/var/log/alternatives.log", "/var/cache", "/var/lib/dpkg",
            "/var/lib/apt", "/var/lib/systemd", "/var/tmp", f"/{HOME}", "/root")
# The account stays (README.Debian), and whoever writes those files leaves a copy of what was before.
ACCOUNT = {f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow")}


def run(*command):
    """What apt and dpkg say is in the result."""
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})


def apt(verb, *names, before=()):
    """apt-get, which fails if the package's scripts do."""
    return run(*before, "apt-get", "-y", "--no-install-recommends", "--allow-downgrades", "-o", "Dpkg::Use-Pty=0",
               verb, *(str(name) for name in names))


def version_of(package):
    """As dpkg knows it."""
    return debs.field(package, "Version")


def installed():
    """(its state, its version), as dpkg sees them; ("", "") if it was never there."""
    done = run("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "sockherd")
    return tuple(done.stdout.split()) if done.returncode == 0 and len(done.stdout.split()) == 2 else ("", "")


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


def spoil(name):
    """Another version, in which that program says no."""
    def change(root):
        program = root / name
        program.write_text("#!/bin/sh\necho spoiled >&2\nexit 1\n")
    return change


class PackageCase(unittest.TestCase):
    """What all of these need."""

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

    def install(self, package=PACKAGE):
        """With apt."""
        self.check(apt("install", package))
        self.assertEqual(installed(), ("installed", version_of(package)))

    def states(self):
        """Of the service and its sockets."""
        return [show("ActiveState", unit) for unit in UNITS]

    def spoiled(self, name):
        """A version that is newer than all others."""
        folder = tempfile.TemporaryDirectory(prefix="spoiled-", dir="/var/tmp")
        self.addCleanup(folder.cleanup)
        return debs.changed(FOLLOWING, folder.name, version_of(FOLLOWING) + "+spoiled", spoil(name))


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
        self.install(FOLLOWING)
        self.assertEqual(main_pid(), before)
        POLICY.unlink()

    def test_where_no_systemd_runs(self):
        """Everything works, and nothing is started."""
        before = files()
        for package in (PACKAGE, FOLLOWING, PACKAGE):
            self.check(apt("install", package, before=without_systemd()))
            self.assertEqual(installed(), ("installed", version_of(package)))
        self.assertEqual(self.states(), 3 * ["inactive"])
        self.assertTrue(pathlib.Path("/etc/systemd/system/sockets.target.wants", SOCKET).is_symlink(), "not enabled")
        self.check(apt("purge", "sockherd", before=without_systemd()))
        self.assertEqual(files() - before, set())

    def test_purge_leaves_nothing(self):
        """Of all that it brings and makes while it runs."""
        before = files()
        self.install()
        configure(pool='access_log = "/var/log/sockherd/access.log"')
        systemctl("restart", SERVICE)
        wait_workers(2)
        service.scale(3)
        request(WEB, "GET", "/plaintext")
        pids = [main_pid(), *processes.children(main_pid())]
        until(pathlib.Path("/var/log/sockherd/access.log").exists, "a log")
        made = files() - before
        for path in ("/run/sockherd/state", "/var/log/sockherd/access.log", "/etc/sockherd/sockherd.toml",
                     "/usr/sbin/sockherd", f"/etc/systemd/system/multi-user.target.wants/{SERVICE}"):
            self.assertIn(path, made)
        self.check(apt("purge", "sockherd"))
        self.assertEqual(files() - before, set())
        self.assertFalse([pid for pid in pids if processes.is_alive(pid)])
        self.assertEqual(show("LoadState"), "not-found")

    def test_removal_keeps_what_was_configured(self):
        """And the next installation serves by it again."""
        self.install()
        configure(workers=3)
        text = service.CONFIG.read_text()
        self.check(apt("remove", "sockherd"))
        self.assertEqual((self.states(), service.CONFIG.read_text()), (3 * ["inactive"], text))
        self.assertFalse(pathlib.Path("/run/sockherd").exists())
        self.install()
        self.assertEqual((self.states(), service.CONFIG.read_text()), (3 * ["active"], text))
        wait_workers(3)


class Upgrade(PackageCase):
    """Nothing may be lost."""

    def setUp(self):
        super().setUp()
        self.install()
        configure(workers=4)
        systemctl("restart", SERVICE)
        wait_workers(4)
        self.sockets = self.identity()
        self.load = Hammer(WEB, path="/whoami", short=8, keepalive=8, slow=8, slow_after_ms=3000)
        self.addCleanup(self.load.__exit__)
        self.load.after(200)

    @staticmethod
    def identity():
        """Of the socket units: differs once one has been stopped, or started again."""
        return [show("InvocationID", unit) + show("ActiveEnterTimestampMonotonic", unit) for unit in UNITS[1:]]

    def end(self, count=0):
        """After so many requests, none of them lost; the sockets were never touched."""
        until(lambda: self.load.so_far()["ok"] >= count, f"{count} requests", deadline=120)
        report = self.load.stop()
        self.assertEqual((report.lost, report["slow"]), (0, 0), f"{report.summary()}\n{journal(60)}")
        self.assertEqual(self.identity(), self.sockets, "a socket unit was restarted")
        print(report.summary(), flush=True)

    def replace(self, package, before=None):
        """The supervisor and all workers (who served before) are others afterwards."""
        main, before, text = main_pid(), before or serving(), service.CONFIG.read_text()
        self.assertEqual(len(before), 4)
        self.install(package)
        self.assertNotEqual(main_pid(), main)
        settle(4, without=before)
        self.assertIn(f'"{version_of(package)}"', service.ctl("status", "--json"))
        self.assertEqual(service.CONFIG.read_text(), text, "the configuration is the administrator's")
        self.load.after(500)

    def refuse(self, package, remark):
        """apt fails and says why; who served serves on, and is returned."""
        before = serving()
        done = apt("install", package)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(remark, done.stdout)
        self.assertEqual(installed(), ("half-configured", version_of(package)))
        self.load.after(500)
        self.assertEqual({pid for pid in before if processes.is_alive(pid)}, before, journal())
        return before

    def test_to_the_next_version_and_back(self):
        """Up, down, up, under load."""
        for package in (FOLLOWING, PACKAGE, FOLLOWING):
            self.replace(package)
        self.end(ENOUGH)

    def test_to_one_that_does_not_start(self):
        """The old workers serve on; one that works takes them over."""
        before = self.refuse(self.spoiled("usr/sbin/sockherd"), "the new version of sockherd.service does not start")
        self.replace(FOLLOWING, before)
        self.end()

    def test_to_one_whose_workers_do_not_start(self):
        """The same, although the service itself is well."""
        before = self.refuse(self.spoiled("usr/libexec/sockherd/sockherd-worker"),
                             "workers of the new version of sockherd.service do not start")
        self.replace(PACKAGE, before)
        self.end()


class Autopkgtest(PackageCase):
    """packaging/debian/tests, as its runner calls them: the package installed, in the folder of its source."""

    def test_all(self):
        """Each of them."""
        control = pathlib.Path(f"/{HOME}/debian/tests/control").read_text()
        names = control.split("Tests:")[1].splitlines()[0].split()  # the others want a compiler
        self.assertIn("upgrade", names)
        self.install()
        for name in names:
            with self.subTest(name), tempfile.TemporaryDirectory() as scratch:
                done = subprocess.run([f"debian/tests/{name}"], cwd=f"/{HOME}", text=True, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, env={**os.environ, "AUTOPKGTEST_TMP": scratch})
                self.assertEqual(done.returncode, 0, f"{done.stdout}\n{journal(60)}")


if __name__ == "__main__":
    unittest.main()
