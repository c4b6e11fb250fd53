"""What is around the installed service: the journal's catalog, the system bus, the rotation of logs. Runs in the container."""
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import unittest

from tests.support.http import request
from tests.support.system_bus import NAME, OBJECT
from tests.support.wait import until
from tests.system import service
from tests.system.case import SystemCase
from tests.system.profiles import ProfileCase
from tests.system.service import SERVICE, SOCKET, configure, journal, show, systemctl, web_address, worker_pids
from tests.system.upgrade import INSTANCE, INSTANCE_ADMIN_SOCKET, INSTANCE_CONFIG, INSTANCE_TEXT, INSTANCE_WEB

LOGROTATE = "/etc/logrotate.d/sockherd"


def journal_entries(*matches):
    """Of the service, with all fields."""
    subprocess.run(["journalctl", "--sync"], check=False)
    text = subprocess.run(["journalctl", "-u", SERVICE, "-o", "json", "--no-pager", *matches],
                          text=True, capture_output=True, check=True).stdout
    return [json.loads(line) for line in text.splitlines()]


class Journal(SystemCase):
    """What the service says of itself."""

    def test_events_have_fields_and_a_text(self):
        """journalctl finds them by pool and slot, and -x says what they mean and what to do."""
        self.start()
        victim = min(worker_pids())
        os.kill(victim, signal.SIGKILL)
        found = until(lambda: [entry for entry in journal_entries("SOCKHERD_EVENT=worker-crashed")
                               if entry.get("OBJECT_PID") == str(victim)], "the event", explain=journal)
        self.assertEqual((found[0]["SOCKHERD_POOL"], found[0]["PRIORITY"],
                          found[0]["SYSLOG_IDENTIFIER"]), ("web", "4", "sockherd"))
        self.assertRegex(found[0]["MESSAGE"], "^worker-crashed pool=web slot=[01] ")
        subprocess.run(["journalctl", "--update-catalog"], check=True)
        text = subprocess.run(["journalctl", "-x", "--no-pager", "-u", SERVICE,
                               f"MESSAGE_ID={found[0]['MESSAGE_ID']}"],
                              text=True, capture_output=True, check=True).stdout
        text = re.sub(r"\W+", " ", text)  # journalctl puts marks before each line
        self.assertIn(" Subject A worker has ended without having been told to ", text)
        self.assertRegex(text, " The worker of the slot [01] of the pool web ended without having been told to ")

    def test_the_last_words_belong_to_the_service(self):
        """Also what is said just before the end of the process."""
        self.start()
        systemctl("stop", SERVICE)
        until(lambda: journal_entries("SOCKHERD_EVENT=stopped"), "the last event", explain=journal)


class Bus(SystemCase):
    """The system bus and the polkit of Debian."""

    RULES = pathlib.Path("/etc/polkit-1/rules.d/50-test.rules")
    RULE = """polkit.addRule(function(action, subject) {
        if (action.id == "io.sockherd.Sockherd1.scale" && subject.user == "nobody" &&
            action.lookup("pool") == "web" && action.lookup("workers") == "3")
            return polkit.Result.YES;
    });
    """

    def setUp(self):
        super().setUp()
        self.start()
        until(lambda: self.call("GetStatus").returncode == 0, "the name on the bus", explain=journal)

    @staticmethod
    def call(method, *arguments, user="root"):
        """busctl as a user of the system."""
        return subprocess.run(
            ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups",
             "busctl", "--json=short", "--allow-interactive-authorization=no", "call", NAME, OBJECT,
             NAME, method, *map(str, arguments)], text=True, capture_output=True, timeout=60)

    def scale(self, count, user):
        """Whether the user may."""
        done = self.call("SetWorkers", "sus", "web", count, "test", user=user)
        if done.returncode == 0:
            service.wait_workers(count)
        return (done.returncode == 0, done.stderr.strip())

    def test_everybody_may_read(self):
        """And the name is that of the service."""
        done = self.call("GetStatus", user="nobody")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout)["data"][0]["pid"]["data"], service.main_pid())

    def test_root_and_the_service_may_change(self):
        """Nobody is asked."""
        self.assertEqual(self.scale(3, "root"), (True, ""))
        self.assertEqual(self.scale(2, "sockherd"), (True, ""))
        self.assertIn("uid 0 over the system bus", journal())

    def test_others_may_what_polkit_allows_them(self):
        """Without a rule it wants the password of an administrator; a rule sees pool and count."""
        may, says = self.scale(3, "nobody")
        self.assertFalse(may)
        self.assertIn("polkit wants a password", says)
        self.RULES.write_text(self.RULE)
        self.addCleanup(self.RULES.unlink)
        systemctl("restart", "polkit")
        self.assertEqual(self.scale(3, "nobody"), (True, ""))
        self.assertFalse(self.scale(4, "nobody")[0])
        self.assertNotEqual(self.call("Reload", "s", "x", user="nobody").returncode, 0)

    def test_without_polkit(self):
        """Root may, others may not, and nobody waits."""
        systemctl("mask", "--runtime", "--now", "polkit")
        self.addCleanup(systemctl, "unmask", "--runtime", "polkit")
        self.assertFalse(self.scale(3, "nobody")[0])
        self.assertIn("polkit does not answer", journal())
        self.assertEqual(self.scale(3, "root"), (True, ""))


class SealedBus(ProfileCase):
    """The tightest profile: a user namespace, no network, nothing of /proc but processes."""

    def test_who_is_who(self):
        """The bus is there, and tells users apart as outside."""
        self.equal_lines()
        self.use("capability-free", "sealed")
        self.start()
        until(lambda: Bus.call("GetStatus").returncode == 0, "the name on the bus", explain=journal)
        self.assertEqual(Bus.call("GetStatus", user="nobody").returncode, 0)
        self.assertNotEqual(Bus.call("SetWorkers", "sus", "web", 3, "x", user="nobody").returncode, 0)
        for user, count in (("root", 3), ("sockherd", 2)):
            self.assertEqual(Bus.call("SetWorkers", "sus", "web", count, "x", user=user).stderr, "")
            service.wait_workers(count)


class Rotation(SystemCase):
    """The file for logrotate, as it is installed."""

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path("/var/log/sockherd")
        for path in self.folder.rglob("*.log*"):
            path.unlink()

    def ask_until_it_is_in(self, log, name, address=""):
        """Requests until one is in the file; returns when all of them are, which take their time."""
        asked = 0

        def found():
            nonlocal asked
            self.assertEqual(request(address or web_address(), "GET", f"/plaintext?{name}").status, 200)
            asked += 1
            return log.exists() and f"?{name}" in log.read_text()
        until(found, "a line of the request", explain=journal)
        files = (log, pathlib.Path(f"{log}.1"))
        until(lambda: sum(file.read_text().count(f"?{name}") for file in files if file.exists()) == asked,
              "a line of each request", explain=journal)

    def rotate(self):
        """Now. It has nothing to say."""
        done = subprocess.run(["logrotate", "--force", LOGROTATE], text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_a_new_file_is_written(self):
        """What comes after a rotation is in a new file."""
        log = self.folder / "access.log"
        configure(pool=f'access_log = "{log}"')
        systemctl("start", SERVICE)
        service.wait_workers(2)
        self.addCleanup(configure)
        self.ask_until_it_is_in(log, "before")
        self.rotate()
        self.ask_until_it_is_in(log, "after")  # the signal reaches the workers a moment later
        self.assertIn("?before", pathlib.Path(f"{log}.1").read_text())
        self.assertNotIn("?before", log.read_text())
        self.assertEqual(show("ActiveState"), "active")

    def test_where_nothing_logs_nothing_happens(self):
        """Nor is it a failure that there is nobody to tell: the service is stopped, and has left a log."""
        self.start()
        self.rotate()
        systemctl("stop", SERVICE, SOCKET)
        self.rotate()
        log = self.folder / "access.log"
        log.write_text("a line\n")
        shutil.chown(log, "sockherd", "sockherd")
        self.rotate()
        self.assertEqual([path.name for path in self.folder.glob("*.log*")], ["access.log.1"])

    def test_instances(self):
        """Their logs are in folders of their own."""
        log = self.folder / "shop/access.log"
        INSTANCE_CONFIG.write_text(INSTANCE_TEXT + f'access_log = "{log}"\n')
        self.addCleanup(INSTANCE_CONFIG.unlink)
        self.addCleanup(systemctl, "stop", INSTANCE, INSTANCE_ADMIN_SOCKET)
        systemctl("start", INSTANCE)
        self.ask_until_it_is_in(log, "before", INSTANCE_WEB)
        self.rotate()
        self.ask_until_it_is_in(log, "after", INSTANCE_WEB)
        self.assertNotIn("?before", log.read_text())


if __name__ == "__main__":
    unittest.main()
