"""memory_max and cpu_weight of a pool, in control groups that have the controllers. As root, on a kernel of its own.

With delegate.conf, and the systemd 254 that it is for. Not in a container: its host has to have given its controllers
to the hierarchy of version 2, and then to the container.
"""
import http.client
import os
import pathlib
import re
import shutil
import signal
import subprocess
import unittest

from tests.support.hammer import Hammer
from tests.support.http import request
from tests.support.wait import until
from tests.system import service
from tests.system.case import SystemCase
from tests.system.commands import group
from tests.system.service import CONFIG, SERVICE, journal, main_pid, settle, show, systemctl, web_address, worker_pids

STUB = "/opt/sockherd-test/tests/support/stub_worker.py"
MEMORY = re.compile(r'(?m)^sockherd_worker_memory_bytes\{.*slot="(\d+)".*\} (\S+)$')
CONFIGURATION = f"""\
[listener.web]
[pool.web]
listeners = ["web"]
workers = 3
command = ["/usr/bin/python3", "-I", "-S", "{STUB}"]
memory_max = "%dMiB"
cpu_weight = %d
"""


class Limits(SystemCase):
    """Three stub workers with 64 MiB each."""

    @classmethod
    def setUpClass(cls):
        folder = service.DROP_INS / f"{SERVICE}.d"
        folder.mkdir(parents=True)
        shutil.copy(service.EXAMPLES / "delegate.conf", folder)
        systemctl("daemon-reload")  # which takes seconds here, so that it stays for all of them

    def begin(self):
        """The service, serving; returns the workers."""
        CONFIG.write_text(CONFIGURATION % (64, 50))
        systemctl("start", SERVICE)
        return settle(3)

    @staticmethod
    def file(pid, name):
        """What a file of the control group of a worker says."""
        return pathlib.Path("/sys/fs/cgroup" + group(pid), name).read_text().strip()

    def limits(self, pids):
        """(memory.max in MiB, cpu.weight) of workers that all have the same."""
        found = {(int(self.file(pid, "memory.max")) >> 20, int(self.file(pid, "cpu.weight"))) for pid in pids}
        self.assertEqual(len(found), 1, found)
        return found.pop()

    @staticmethod
    def memory():
        """The metric, by slot."""
        text = service.admin("GET", "/metrics").body.decode()
        return {slot: float(value) for slot, value in MEMORY.findall(text)}

    def test_are_those_of_the_configuration(self):
        """In groups beside the supervisor's; a crash and a restart of that find their place again."""
        before, main = self.begin(), main_pid()
        self.assertEqual(self.limits(before), (64, 50), journal())
        self.assertEqual(group(main), f"{show('ControlGroup')}/supervisor")
        self.assertEqual({group(pid).rpartition("/")[0] for pid in before}, {show("ControlGroup")})
        CONFIG.write_text(CONFIGURATION % (72, 200))
        systemctl("reload", SERVICE)
        changed = settle(3, before)
        self.assertEqual(self.limits(changed), (72, 200), journal())
        os.kill(main, signal.SIGKILL)
        until(lambda: main_pid() not in (0, main), "another supervisor", explain=journal)
        self.assertEqual(settle(3), changed, journal())
        self.assertEqual(self.limits(changed), (72, 200), journal())
        systemctl("restart", SERVICE)
        self.assertEqual(self.limits(settle(3, changed)), (72, 200), journal())
        self.assertNotIn("limits-not-set", journal(200))

    def test_who_takes_more_is_killed_alone(self):
        """By the kernel, for its own group; the others serve on, nobody else's request is lost, another one comes."""
        before, main = self.begin(), main_pid()
        memory = self.memory()
        self.assertEqual(set(memory), {"0", "1", "2"})
        for slot, used in memory.items():
            self.assertTrue(1 << 20 < used < 64 << 20, (slot, used))
        load = Hammer(web_address(), path="/whoami", short=8)
        self.addCleanup(load.__exit__)
        load.after(10)
        with self.assertRaises((OSError, http.client.HTTPException)):
            request(web_address(), "GET", "/eat")
        now = until(lambda: len(found := worker_pids()) == 3 and found != before and found, "another one",
                    explain=journal)
        victim, = before - now
        load.after(10)
        report = load.stop()
        self.assertEqual(report.lost, 0, f"{report.summary()}\n{journal()}")
        self.assertEqual((main_pid(), show("NRestarts"), show("ActiveState")), (main, "0", "active"), journal())
        self.assertRegex(journal(60), f"worker-crashed .*pid={victim} .*KILL")
        kernel = subprocess.run(["journalctl", "--dmesg", "-o", "cat", "--no-pager"], text=True, capture_output=True)
        self.assertRegex(kernel.stdout, rf"oom-kill:constraint=CONSTRAINT_MEMCG.*oom_memcg=\S+/worker\.\d+,.*pid={victim},")


if __name__ == "__main__":
    unittest.main()
