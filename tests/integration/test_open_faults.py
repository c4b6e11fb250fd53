"""Faults that were found by testing and are not mended yet; each moves to its own suite with its fix."""
import os
import unittest

from tests.support.case import ManagedCase
from tests.support.daemon import basic_config, tcp_listener


class OpenFaults(ManagedCase):
    """Said beside each: where it belongs."""

    def test_state_cannot_be_read_or_written(self):
        """A directory in its place (test_adoption, State)."""
        daemon = self.ready()
        load = self.load(daemon)
        daemon.kill()
        (daemon.runtime / "state").unlink()
        (daemon.runtime / "state").mkdir()
        daemon.start()
        daemon.ready()
        daemon.wait_workers(2)
        self.assertEqual(daemon.scale(3).status, 200)
        daemon.wait_workers(3)
        daemon.restart()
        daemon.wait_workers(2)
        self.assert_not_more_processes(daemon, 2)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_same_slot_twice(self):
        """Two sockets under one name, whichever comes first (test_fd_store, Strays)."""
        for seed in range(3):
            with self.subTest(seed=seed):
                daemon = self.ready(basic_config(workers=2), seed=seed)
                load = self.mixed_load(daemon, slow_after_ms=10_000)
                load.after(100)
                daemon.kill()
                second = tcp_listener(port=daemon.sockets["web"][0].getsockname()[1])
                with daemon.notify.lock:
                    daemon.store.add("sockherd.slot.1.web", os.dup(second.fileno()))
                second.close()
                daemon.start()
                daemon.ready()
                self.assert_all_serve(daemon, 2)
                self.assert_nothing_lost(load.stop(), daemon)


if __name__ == "__main__":
    unittest.main()
