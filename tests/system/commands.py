"""Programs that are not ours, as workers of the installed service. Runs in the container, as root."""
import json
import os
import pathlib
import signal
import subprocess
import unittest

from tests.support import processes
from tests.support.wait import until
from tests.system import service
from tests.system.case import SystemCase
from tests.system.service import (CONFIG, SERVICE, journal, main_pid, settle, systemctl,
                                  wait_workers, worker_pids)

STUB = pathlib.Path(__file__).parent.parent / "support/stub_worker.py"
CONFIGURATION = f"""\
[listener.web]
[pool.web]
listeners = ["web"]
workers = 2
command = ["/bin/sh", "-c", "echo '<4>hello from {{slot}}'; exec /usr/bin/python3 -I -S {STUB}"]
"""


def group(pid):
    """The control group of a process, in the hierarchy of version 2."""
    text = (processes.PROC / str(pid) / "cgroup").read_text()
    return next(line[3:] for line in text.splitlines() if line.startswith("0::"))


class CommandCase(SystemCase):
    """A pool of stub workers."""

    def start_commands(self):
        """The service, serving."""
        CONFIG.write_text(CONFIGURATION)
        systemctl("start", SERVICE)
        wait_workers(2)


class Output(CommandCase):
    """What they write is in the journal."""

    @staticmethod
    def entries(*matches):
        """What the journal has of them."""
        subprocess.run(["journalctl", "--sync"], check=False)
        done = subprocess.run(["journalctl", "-b", "-o", "json", *matches], text=True,
                              capture_output=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_lines_have_the_fields_of_their_worker(self):
        """Found by slot, with the priority that the program gave them."""
        self.start_commands()
        entry = until(lambda: self.entries("SOCKHERD_SLOT=1", "MESSAGE=hello from 1"), "the line",
                      explain=journal)[-1]
        self.assertEqual((entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"], entry["SOCKHERD_POOL"],
                          entry["_SYSTEMD_UNIT"]), ("4", "web", "web", SERVICE))
        self.assertIn(int(entry["SYSLOG_PID"]), worker_pids())


class Groups(CommandCase):
    """A control group for each, where the unit says so."""

    def setUp(self):
        super().setUp()
        service.drop_in(SERVICE, service.EXAMPLES.joinpath("delegate.conf").read_text())
        self.addCleanup(service.remove_drop_in, SERVICE)

    def test_each_worker_has_one_that_outlives_the_supervisor(self):
        """A crash and a restart of it find room in the unit's own, beside groups that live."""
        self.start_commands()
        before, main = worker_pids(), main_pid()
        groups = {group(pid) for pid in before}
        self.assertEqual({name.rpartition("/")[0] for name in groups}, {service.show("ControlGroup")})
        self.assertEqual(len(groups), 2, journal())
        os.kill(main, signal.SIGKILL)
        until(lambda: main_pid() not in (0, main), "another supervisor", explain=journal)
        settle(2)
        self.assertEqual(worker_pids(), before, journal())
        self.assertEqual({group(pid) for pid in before}, groups)
        systemctl("restart", SERVICE)
        now = settle(2, without=before)
        self.assertFalse({group(pid) for pid in now} & groups, "new ones have others")


if __name__ == "__main__":
    unittest.main()
