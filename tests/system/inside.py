"""The installed service on real systemd. Runs in the container, as root."""
import os
import pathlib
import pwd
import re
import signal
import subprocess
import tempfile
import unittest

from tests.support import processes
from tests.support.http import connect, request
from tests.support.wait import until
from tests.system import service
from tests.system.case import SystemCase
from tests.system.service import (ADMIN_SOCKET, CONFIG, SERVICE, SOCKET, admin, configure, journal,
                                  main_pid, scale, show, systemctl, wait_workers, web_address,
                                  worker_pids)

# Ready after 5 s, gone 5 s after it was told to.
SLOW_COMMAND = """\
[listener.web]
[pool.web]
listeners = ["web"]
workers = 1
command = ["/bin/sh", "-c", "trap 'sleep 5; exit' TERM; while :; do sleep 0.1; done"]
ready = { alive = "5s" }
"""
LOST_WITH_A_PROCESS = ("reset", "eof", "short_answer")


class Activation(SystemCase):
    """The socket unit and the service."""

    def test_first_request_starts_the_service(self):
        """The socket listens while the service is down."""
        self.assertEqual(show("ActiveState"), "inactive")
        early = connect(web_address())
        self.addCleanup(early.close)
        early.sendall(b"GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"Hello, World!", early.recv(4096), journal())
        until(lambda: show("ActiveState") == "active", "an active service")
        self.assertEqual((show("Type"), show("StatusErrno")), ("notify", "0"))
        self.assertTrue(show("StatusText"))

    def test_every_worker_answers(self):
        """Four workers behind one ListenStream= line."""
        self.start(workers=4)
        seen = set()
        until(lambda: seen.add(request(web_address(), "GET", "/whoami").json()["pid"]) or
              seen == worker_pids(), "all four answer", explain=journal)
        self.assertEqual(len(seen), 4)

    def test_runs_as_its_own_user(self):
        """Supervisor, workers and admin process: none of them is root."""
        self.start()
        user = pwd.getpwnam("sockherd").pw_uid
        pids = [main_pid(), *processes.children(main_pid())]
        self.assertGreaterEqual(len(pids), 4, [processes.name(pid) for pid in pids])
        for pid in pids:
            self.assertNotEqual(service.user_of(pid), 0, processes.name(pid))
        self.assertEqual(service.user_of(main_pid()), user)

    def test_stop_and_start_again(self):
        """Stops in order, leaves no process behind; the socket goes on listening."""
        self.start()
        pids = [main_pid(), *processes.children(main_pid())]
        systemctl("stop", SERVICE)
        self.assertEqual((show("Result"), show("ExecMainStatus")), ("success", "0"), journal())
        self.assertFalse([pid for pid in pids if processes.is_alive(pid)])
        self.assertEqual(request(web_address(), "GET", "/plaintext").status, 200)

    def test_bad_configuration_at_start(self):
        """Fails with status 6 and the place; whoever waits is served as soon as it is mended."""
        CONFIG.write_text("[pool.web]\nwokers = 2\n")
        self.assertNotEqual(systemctl("start", SERVICE, check=False).returncode, 0)
        self.assertEqual(show("ExecMainStatus"), "6", journal())
        self.assertRegex(journal(), r"sockherd\.toml:2:1: .*wokers")
        with connect(web_address()) as waiting:
            waiting.sendall(b"GET /plaintext HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            until(lambda: int(show("NRestarts")) > 1, "further tries", explain=journal)
            configure()
            waiting.settimeout(20)
            self.assertIn(b"Hello, World!", b"".join(iter(lambda: waiting.recv(4096), b"")))

    def test_watchdog(self):
        """A supervisor that hangs is replaced by systemd."""
        service.drop_in(SERVICE, "[Service]\nWatchdogSec=1s\nRestartSec=100ms\n")
        self.addCleanup(service.remove_drop_in, SERVICE)
        self.start()
        hung = main_pid()
        os.kill(hung, signal.SIGSTOP)
        until(lambda: main_pid() not in (0, hung), "another supervisor", explain=journal)
        wait_workers(2)
        self.assertEqual(request(web_address(), "GET", "/plaintext").status, 200)

    def test_units_are_clean(self):
        """systemd-analyze verify has nothing to say about them."""
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", SERVICE, SOCKET,
                               ADMIN_SOCKET], text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class Patience(SystemCase):
    """systemd's own deadlines are for a supervisor that stands still."""

    def test_start_reload_and_stop(self):
        """Each takes longer than systemd would wait, and no longer than the pool may take."""
        service.drop_in(SERVICE, "[Service]\nTimeoutStartSec=3s\nTimeoutStopSec=3s\n")
        self.addCleanup(service.remove_drop_in, SERVICE)
        CONFIG.write_text(SLOW_COMMAND)
        systemctl("start", SERVICE)
        before = main_pid()
        systemctl("reload", SERVICE)
        self.assertEqual((show("ReloadResult"), show("ActiveState"), main_pid()), ("success", "active", before))
        systemctl("stop", SERVICE)
        self.assertEqual((show("Result"), show("ExecMainStatus")), ("success", "0"), journal())


class UnderLoad(SystemCase):
    """Nothing may be lost."""

    def test_reload_with_a_changed_configuration(self):
        """systemctl reload waits for it; afterwards the new one is in force."""
        self.start()
        before = worker_pids()
        load = self.load(keepalive=20, slow=20, think_ms=300, latency_ms=50)
        configure(workers=3, routes=', { path = "/new/", module = "demo" }')
        systemctl("reload", SERVICE)
        self.assertFalse(worker_pids() & before, "reload returned before the new workers served")
        wait_workers(3)
        self.assertEqual(request(web_address(), "GET", "/new/plaintext").status, 200)
        load.after(300)
        self.assert_nothing_lost(load.stop())
        self.assertEqual(show("ActiveState"), "active")

    def test_reload_with_a_broken_configuration(self):
        """Fails, says why, and the old workers serve on."""
        self.start()
        before, main = worker_pids(), main_pid()
        load = self.load()
        CONFIG.write_text(CONFIG.read_text().replace("workers = 2", "wokers = 2"))
        self.assertNotEqual(systemctl("reload", SERVICE, check=False).returncode, 0)
        self.assertRegex(journal(), r"sockherd\.toml:6:1: .*wokers.*workers")
        load.after(300)
        self.assertEqual((worker_pids(), main_pid()), (before, main))
        self.assertEqual(show("ActiveState"), "active")
        self.assert_nothing_lost(load.stop())

    def test_killed_worker_comes_back(self):
        """Only what it had accepted is lost."""
        self.start()
        load = self.load(short=12)
        for _ in range(3):
            victim = sorted(worker_pids())[0]
            os.kill(victim, signal.SIGKILL)
            until(lambda dead=victim: len(worker_pids() - {dead}) == 2, "a successor",
                  explain=journal)
            load.after(200)
        report = load.stop()
        lost = sum(report[key] for key in LOST_WITH_A_PROCESS)
        self.assertEqual(report.lost, lost, report.summary())
        self.assertLessEqual(lost, 3 * 12, report.summary())
        self.assertEqual(report.late, 0, report.summary())

    def test_scale_over_the_admin_port(self):
        """2 to 6 to 1, short connections."""
        self.start()
        load = self.load(short=16)
        for count in (6, 1, 6, 1, 2):
            scale(count)
            load.after(300)
        self.assert_nothing_lost(load.stop())


class Monitoring(SystemCase):
    """A real Prometheus."""

    def test_prometheus_sees_the_number_of_workers(self):
        """It scrapes the admin port, and its query API returns what we scale to."""
        self.start()
        directory = pathlib.Path(tempfile.mkdtemp(prefix="prom-"))
        config = directory / "prometheus.yml"
        config.write_text("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: sockherd\n"
                          f"  static_configs: [{{targets: ['{service.ADMIN}']}}]\n")
        process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
             "--web.listen-address=127.0.0.1:9090", "--log.level=error"])
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        for count in (2, 3):
            scale(count)
            for query in ("sockherd_workers_desired", 'sockherd_workers{state="ready"}'):
                until(lambda q=query, n=count: self.query(q) == str(n), f"{query} is {count}")

    @staticmethod
    def query(text):
        """The value of an instant query with one series; None while there is none."""
        quoted = re.sub(r"[^a-z_]", lambda char: "%%%02x" % ord(char[0]), text)
        try:
            answer = request("127.0.0.1:9090", "GET", f"/api/v1/query?query={quoted}")
        except OSError:
            return None
        if answer.status != 200:
            return None
        result = answer.json()["data"]["result"]
        return result[0]["value"][1] if len(result) == 1 else None

    def test_promtool_is_content(self):
        """check metrics lints names, help and types."""
        self.start()
        text = admin("GET", "/metrics").body
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))


if __name__ == "__main__":
    unittest.main()
