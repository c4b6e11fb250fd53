"""examples/gunicorn: it reads LISTEN_FDS itself, and has a process of its own that watches another one."""
import os
import signal
import unittest

from tests.support import examples, processes
from tests.support.wait import until


class Gunicorn(examples.ServesEverySlot, examples.SurvivesKills, examples.LosesNothing, examples.ExampleCase):
    """It hangs up on idle connections, so there are none here."""

    example = "gunicorn"
    shape = {"short": 6, "slow": 6, "rate": 250}

    def test_only_its_arbiter_is_killed(self):
        """Its child finishes what it has, and goes; nobody notices."""
        daemon = self.serving(2)
        load = self.under_load(daemon)
        arbiter, child = examples.family(self.pids(daemon)[0])
        os.kill(arbiter, signal.SIGKILL)
        self.wait_successor(daemon, arbiter, 2)
        until(lambda: not processes.is_alive(child), f"the end of {child}", explain=daemon.log)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)


if __name__ == "__main__":
    unittest.main()
