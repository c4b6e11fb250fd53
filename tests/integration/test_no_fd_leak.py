"""No descriptor is left behind by fifty reloads, crashes and scalings."""
import os
import signal
import unittest

from tests.support import processes
from tests.support.case import DaemonCase
from tests.support.processes import kinds
from tests.support.wait import until

ROUNDS = 50


class NoFdLeak(DaemonCase):
    """Counted by kind, so that one gained and another lost do not cancel out."""

    def settled(self, daemon):
        """Kinds of the supervisor and of each worker, once nothing drains any more."""
        workers = daemon.wait_workers(2)
        expected = len(workers) + 2  # the supervisor and the admin process
        until(lambda: len(processes.session_of(daemon.pid)) == expected, "no old worker is left",
              explain=daemon.log)
        return [kinds(pid) for pid in (daemon.pid, *(worker["pid"] for worker in workers))]

    def assert_not_grown(self, daemon, before):
        """No process has more of any kind. Polled: a message on the bus may carry one right now."""
        until(lambda: all(now <= then for now, then in zip(self.settled(daemon), before)),
              "no more descriptors than before",
              explain=lambda: f"before {before}\nnow    {self.settled(daemon)}")

    def assert_no_leak(self, act):
        """The same before and after; one round in advance, for what is made only once."""
        daemon = self.ready()
        act(daemon)
        before = self.settled(daemon)
        for _ in range(ROUNDS):
            act(daemon)
        self.assert_not_grown(daemon, before)

    def test_reloads(self):
        """Good ones."""
        self.assert_no_leak(lambda daemon: self.assertEqual(daemon.reload().status, 200))

    def test_failed_reloads(self):
        """The file is broken."""
        def act(daemon):
            daemon.rewrite("broken = [")
            self.assertEqual(daemon.reload().status, 422)
        self.assert_no_leak(act)

    def test_scaling(self):
        """Slots come and go; their sockets do too, or are kept and used again."""
        def act(daemon):
            for count in (5, 2):
                self.assertEqual(daemon.scale(count).status, 200)
                daemon.wait_workers(count)
        self.assert_no_leak(act)

    def test_crashes(self):
        """A worker that was killed leaves nothing in the supervisor."""
        def act(daemon):
            victim = daemon.ready_workers()[0]["pid"]
            os.kill(victim, signal.SIGKILL)
            until(lambda: victim not in {worker["pid"] for worker in daemon.workers()} and
                  len(daemon.ready_workers()) == 2, "a successor", explain=daemon.log)
        daemon = self.ready(None, arguments=["--set", 'pool.web.restart_delay="1ms"',
                                             "--set", 'pool.web.restart_delay_max="1ms"'])
        act(daemon)
        before = self.settled(daemon)
        for _ in range(ROUNDS):
            act(daemon)
        self.assert_not_grown(daemon, before)


if __name__ == "__main__":
    unittest.main()
