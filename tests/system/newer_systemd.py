"""What systemd has learned since Debian 12's, with the systemd of bookworm-backports. In the container, as root.

notify-reload.conf is in force all the time; what is not said here differs in nothing from systemd 252.
"""
import pathlib
import re
import subprocess
import tempfile
import unittest

from tests.support.wait import until
from tests.system import actions, service
from tests.system.profiles import ProfileCase
from tests.system.service import (CONFIG, SERVICE, journal, main_pid, serving, settle, show,
                                  systemctl)

STUB = "/opt/sockherd-test/tests/support/stub_worker.py"
FOLLOWING = pathlib.Path("/opt/sockherd-next")
LATE = pathlib.Path("/run/sockherd-late")  # while it is there, no worker gets ready
LATE_COMMAND = f"""\
[listener.web]
[pool.web]
listeners = ["web"]
workers = 2
command = ["/bin/sh", "-c", "while [ -e {LATE} ]; do sleep 0.05; done; exec python3 -I -S {STUB}"]
"""


class NotifyReload(ProfileCase):
    """Type=notify-reload: systemctl reload is SIGHUP, and ends with READY=1."""

    def setUp(self):
        super().setUp()
        version = int(re.match(r"systemd (\d+)", subprocess.check_output(["systemctl", "--version"], text=True))[1])
        self.assertGreaterEqual(version, 254)
        self.use("notify-reload")
        self.addCleanup(LATE.unlink, missing_ok=True)

    def reload_at_once(self, count):
        """Who serves when systemctl comes back is new."""
        before = serving()
        systemctl("reload", SERVICE)
        now = serving()
        self.assertEqual((len(now), now & before), (count, set()), journal())
        self.assertEqual(show("ReloadResult"), "success")

    def reload_broken(self):
        """systemctl does not say so, but `systemctl status` and sockherdctl do; nothing has changed."""
        good, before, main = CONFIG.read_text(), serving(), main_pid()
        CONFIG.write_text(actions.BROKEN)
        done = systemctl("reload", SERVICE, check=False)
        CONFIG.write_text(good)
        self.assertEqual((done.returncode, done.stderr), (0, ""), "docs/units.md says that it succeeds")
        self.assertEqual((serving(), main_pid(), show("ActiveState")), (before, main, "active"))
        self.assertRegex(show("StatusText"), r"last reload failed: /etc/sockherd/sockherd\.toml:1:7: ")
        self.assertRegex(service.ctl("status"), "last reload +failed")

    def test_the_life_of_the_service(self):
        """Reloads, good and broken; scales; restarts, crashes, upgrades and downgrades with the store: nothing is lost."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="this-"))
        actions.keep_programs(folder)
        self.addCleanup(actions.install_programs, folder)
        self.begin()
        self.assertEqual((show("Type"), show("ExecReload")), ("notify-reload", ""))
        self.act(self.reload_at_once, 4, times=3)
        self.act(self.reload_broken)
        for count in (2, 6, 3):
            self.act(actions.scale, count)
        self.act(actions.restart, 3)
        self.act(actions.restart_with_socket, 3)
        self.act(actions.kill_main, 3)
        self.act(actions.upgrade, FOLLOWING, 3)
        self.act(self.reload_at_once, 3)
        self.act(actions.upgrade, folder, 3)
        self.act(self.reload_at_once, 3)
        self.end()
        self.assertEqual(service.balance_in_force(), "least-connections", journal(60))

    def test_systemctl_waits_for_the_new_generation(self):
        """However long that takes; the old one serves meanwhile."""
        CONFIG.write_text(LATE_COMMAND)
        systemctl("start", SERVICE)
        before = settle(2)
        load = self.load_of_commands()
        LATE.touch()
        with subprocess.Popen(["systemctl", "reload", SERVICE]) as reload:
            until(lambda: show("SubState") == "reload-notify", "RELOADING=1 is heard", explain=journal)
            load.after(50)
            self.assertEqual((reload.poll(), show("ActiveState"), serving()), (None, "reloading", before), journal())
            LATE.unlink()
            self.assertEqual(reload.wait(60), 0, journal())
        self.assertEqual(len(serving() - before), 2, journal())
        self.assertEqual(show("SubState"), "running")
        load.after(50)
        self.assert_nothing_lost(load.stop())


if __name__ == "__main__":
    unittest.main()
