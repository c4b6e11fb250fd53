"""Faults that were found by testing and are not mended yet; each moves to its own suite with its fix."""
import os
import unittest

from tests.support.case import ManagedCase
from tests.support.daemon import basic_config, tcp_listener


class OpenFaults(ManagedCase):
    """Said beside each: where it belongs."""

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
