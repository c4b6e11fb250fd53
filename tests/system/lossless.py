"""Nothing is ever lost: what happens to the service as installed, under load. As root, in the container.

With moderate load and each thing a few times; ./dev bench lifecycle does the same in earnest.
"""
import os
import pathlib
import signal
import tempfile
import unittest

from tests.support.hammer import Hammer
from tests.support.http import request
from tests.support.late_clients import LateLoad
from tests.support.mixed_load import MixedLoad
from tests.support.wait import until
from tests.system import actions, service
from tests.system.case import SystemCase
from tests.system.service import (SERVICE, SOCKET, configure, journal, main_pid, serving, show,
                                  systemctl, web_address)

LOST_WITH_A_PROCESS = ("reset", "eof", "short_answer")
EQUAL_LINES = "[Socket]\nListenStream=\n" + 8 * "ListenStream=8080\n"
NO_CAPABILITIES = "[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n"
STUB = "/opt/sockherd-test/tests/support/stub_worker.py"


def journal_count(more, base):
    """Waits for so many more failed restarts in the journal than `base`; returns how many there are."""
    return until(lambda: (now := journal(1000).count("worker-backoff")) >= base + more and now,
                 "further crashes", explain=journal)


class LosslessCase(SystemCase):
    """A service with four workers unless said otherwise, and all kinds of clients."""

    def begin(self, workers=4, make_load=None, **options):
        """Service and load."""
        self.start(workers, **options)
        # Late is what waited for two lost SYNs: a busy machine is not mistaken for one.
        self.load = (make_load() if make_load else
                     MixedLoad(web_address(), wait_ms=1500, slow_after_ms=3000))
        self.addCleanup(self.load.__exit__)
        self.load.after(200)
        self.held = 0

    def act(self, action, *arguments, times=1):
        """Does it so many times; at once we know which action lost something."""
        for _ in range(times):
            self.held += action(*arguments) or 0
            self.load.after(150)
            now = self.load.so_far()
            self.assertLessEqual(now.lost, self.held, f"{action.__name__}: {now.summary()}\n{journal(60)}")

    def end(self, slow=0):
        """At most what the killed workers held is lost, and only as a connection dies with them."""
        report = self.load.stop()
        explain = f"held {self.held}: {report['latency_ms']} {report.summary()}\n{journal(60)}"
        self.assertLessEqual(report.lost, self.held, explain)
        self.assertEqual(report.lost, sum(report[key] for key in LOST_WITH_A_PROCESS), explain)
        self.assertLessEqual(report["slow"], slow, explain)


class Supervisor(LosslessCase):
    """It goes, and comes back."""

    def test_restart(self):
        """systemctl restart, with and without the socket unit."""
        self.begin()
        self.act(actions.restart, 4, times=2)
        self.act(actions.restart_with_socket, 4, times=2)
        self.end()

    def test_restart_many_times_in_a_row(self):
        """No start limit of the service or of a socket ends it."""
        self.begin(workers=1)
        self.act(actions.restart_with_socket, 1, times=8)
        self.assertEqual([show("ActiveState", unit) for unit in (SERVICE, SOCKET)], 2 * ["active"])
        self.end()

    def test_kill(self):
        """kill -9 of the supervisor, alone and with a worker."""
        self.begin()
        self.act(actions.kill_main, 4, times=2)
        self.act(actions.kill_main_and_worker, 4, times=2)
        self.end()

    def test_stop_while_traffic_starts_it_again(self):
        """The sockets listen all the time."""
        self.begin()
        self.act(actions.stop_and_go, 4, times=3)
        self.end()

    def test_upgrade_and_back(self):
        """The next build takes over the workers of this one, and replaces them."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="this-"))
        actions.keep_programs(folder)
        self.addCleanup(actions.install_programs, folder)
        following = pathlib.Path("/opt/sockherd-next")  # put there by run.py, if it was given one
        self.begin()
        for programs in (following if following.exists() else folder, folder):
            self.act(actions.upgrade, programs, 4)
        self.end()


class Workers(LosslessCase):
    """They go, or stand still."""

    def test_killed(self):
        """Only what they had accepted."""
        self.begin()
        self.act(actions.kill_worker, 4, times=3)
        self.end()

    def test_hang(self):
        """What the victim holds is lost when it is ended; what waits at its socket is only late."""
        self.begin(pool='hang_timeout = "2s"')
        self.act(actions.hang, 4)
        until(self.is_quiet, "an end of what came late")
        late = self.load.so_far()["slow"]
        self.load.after(500)
        self.end(slow=late)

    def is_quiet(self):
        """Whether 200 answers in a row come in time."""
        before = self.load.so_far()["slow"]
        self.load.after(200)
        return self.load.so_far()["slow"] == before

    def test_one_slot_crashes_again_and_again(self):
        """What waits in its queue is answered by a sibling, at once."""
        self.begin()
        self.act(actions.kill_slot, 1, 6)
        actions.settle(4)
        self.end()

    def test_one_slot_of_a_program_crashes_at_every_start(self):
        """Once that is known it gets nothing, so nobody who comes then waits at it."""
        flag = pathlib.Path("/run/sockherd-crash")
        self.addCleanup(flag.unlink, missing_ok=True)
        service.CONFIG.write_text(
            f'[listener.web]\n[pool.web]\nlisteners = ["web"]\nworkers = 3\n'
            f'command = ["/usr/bin/python3", "-I", "-S", "{STUB}", "--crash-slot", "1", "--while", '
            f'"{flag}"]\nrestart_delay_max = "1s"\n')
        systemctl("start", SERVICE)
        actions.settle(3)
        flag.touch()
        os.kill(service.pid_of_slot(1), signal.SIGKILL)
        crashes = journal_count(2, 0)
        load = Hammer(web_address(), path="/", short=6, slow=12, slow_after_ms=3000)
        self.addCleanup(load.__exit__)
        load.after(100)
        journal_count(4, crashes)
        load.after(100)
        flag.unlink()
        actions.settle(3)
        self.assert_nothing_lost(load.stop())

    def test_replaced(self):
        """One by one, and after so many requests."""
        self.begin(pool="max_requests = 1000")
        self.act(actions.rolling_restart, 4, times=2)
        before = serving()
        until(lambda: not serving() & before, "all are recycled", explain=journal)
        self.end()


class Configuration(LosslessCase):
    """It is read again."""

    def test_reload(self):
        """Unchanged, changed, broken."""
        self.begin()
        self.act(actions.reload, 4, times=2)
        configure(workers=3, routes=', { path = "/new/", module = "demo" }')
        self.act(actions.reload, 3)
        self.assertEqual(request(web_address(), "GET", "/new/plaintext").status, 200)
        self.act(actions.reload_broken, times=2)
        self.end()

    def test_listener_comes_and_goes(self):
        """What came to it while it listened is answered; the others do not notice."""
        self.begin()
        for _ in range(2):
            configure(4, more='[listener.extra]\naddress = "127.0.0.1:8081"',
                      listeners=("web", "extra"))
            self.act(actions.reload, 4)
            extra = Hammer("127.0.0.1:8081", path="/plaintext", short=4, slow=8)
            self.addCleanup(extra.__exit__)
            extra.after(50)
            configure(4)
            self.act(actions.reload, 4)
            report = extra.stop()
            self.assertEqual(report.lost, report["refused"], f"{report.summary()}\n{journal()}")
        self.end()


class Scale(LosslessCase):
    """1 to 8 to 2 to 8."""

    def sweep(self, balance, in_force=None):
        """Up and down; the mode must be in force."""
        self.begin(workers=1, listener=f'balance = "{balance}"')
        self.assertEqual(service.balance_in_force(), in_force or balance, journal())
        for count in (8, 2, 8, 1):
            self.act(actions.scale, count)
        self.end()

    def test_clones_least_connections(self):
        """eBPF."""
        self.sweep("least-connections")

    def test_clones_hash(self):
        """The kernel's."""
        self.sweep("hash")

    def test_clones_cpu(self):
        """Of the packet."""
        self.sweep("cpu")

    def test_equal_lines_and_no_capability(self):
        """Eight sockets of systemd's: neither clones nor eBPF."""
        self.addCleanup(service.remove_drop_in, SERVICE)
        self.addCleanup(service.remove_drop_in, SOCKET)
        self.addCleanup(systemctl, "stop", SERVICE, SOCKET)
        systemctl("stop", SOCKET)
        service.drop_in(SOCKET, EQUAL_LINES)
        service.drop_in(SERVICE, NO_CAPABILITIES)
        systemctl("start", SOCKET)
        self.sweep("least-connections", in_force="hash")
        self.assertEqual(show("AmbientCapabilities"), "")
        self.assertGreater(main_pid(), 0)

    def test_clients_far_away(self):
        """There are always connections that nobody can accept yet when their socket shall go."""
        self.begin(workers=1, make_load=lambda: LateLoad(actions.web_port()))
        for count in (4, 1, 4, 1):
            self.act(actions.scale, count)
        self.act(actions.reload, 1)
        self.act(actions.restart, 1)
        self.end()


if __name__ == "__main__":
    unittest.main()
