"""TestCases that own daemons: started for a test or for a class, ended whatever happens."""
import os
import pathlib
import tempfile
import unittest

from tests.support.daemon import Daemon, basic_config
from tests.support.hammer import Hammer
from tests.support.metrics import scrape
from tests.support.service_manager import ManagedDaemon
from tests.support.wait import until


# A build with a sanitizer is slow itself; what it must not do is lose anything.
PATIENCE = ({"slow_after_ms": 5000} if any(name.endswith("SAN_OPTIONS") for name in os.environ)
            else {})


class DaemonCase(unittest.TestCase):
    """A daemon per test."""

    maxDiff = None
    daemon_class = Daemon

    def launch(self, config=None, **options):
        """A daemon that was started and will be ended, ready or not."""
        daemon = self.daemon_class(basic_config() if config is None else config, **options)
        self.addCleanup(daemon.end)
        daemon.start()
        return daemon

    def ready(self, config=None, **options):
        """A daemon that serves."""
        return self.launch(config, **options).ready()

    def program(self, text):
        """The path of a file with this text, in a folder of its own that every user may read."""
        directory = tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp")
        self.addCleanup(directory.cleanup)
        os.chmod(directory.name, 0o755)
        path = pathlib.Path(directory.name, "program")
        path.write_text(text)
        return path

    def load(self, daemon, listener="web", **options):
        """A hammer on one of its listeners; 12 clients with a connection per request by default."""
        if not {"short", "keepalive", "slow"} & options.keys():
            options["short"] = 12
        hammer = Hammer(daemon.address(listener), **{"path": "/whoami", **PATIENCE, **options})
        self.addCleanup(hammer.__exit__)
        return hammer

    def assert_nothing_lost(self, report, daemon=None, at_most=0):
        """Every request that was begun got its right answer, and none waited for a lost SYN. at_most: those
        that may be lost by a limit that is written down."""
        explain = f"{report.summary()}\n{daemon.log() if daemon else ''}"
        self.assertLessEqual(report.lost, at_most, explain)
        self.assertEqual(report.late, 0, explain)
        self.assertGreater(report["ok"], 0)

    def assert_in(self, needles, text):
        """Every one of `needles` is in `text`, whatever the case of letters."""
        for needle in [needles] if isinstance(needles, str) else needles:
            self.assertIn(needle.lower(), text.lower())


class ManagedCase(DaemonCase):
    """A daemon per test that may crash, restart and stop, and what must hold afterwards."""

    daemon_class = ManagedDaemon

    def mixed_load(self, daemon, listener="web", **options):
        """Short, keep-alive and slow connections at once."""
        return self.load(daemon, listener, **{"short": 8, "keepalive": 20, "slow": 20,
                                              "think_ms": 200, "latency_ms": 50, **options})

    def assert_all_serve(self, daemon, count, pool="web", listener="web"):
        """`count` workers are there, all of them get connections, and no socket is without one."""
        daemon.wait_workers(count, pool)
        daemon.wait_all_answer(count, listener)
        report = self.load(daemon, listener, short=8, count=50 * count).finish()
        self.assert_nothing_lost(report, daemon)

    def assert_counters_grow(self, daemon, earlier):
        """No counter has gone down or away since that scrape; returns a new one."""
        now = scrape(daemon)
        self.assertEqual(now.gone_down(earlier), {})
        return now

    def assert_not_more_processes(self, daemon, workers):
        """Old ones end."""
        until(lambda: len(daemon.worker_processes()) == workers, f"{workers} worker processes",
              explain=lambda: f"{daemon.worker_processes()} {daemon.workers()}\n{daemon.log()}")


class SharedDaemonCase(DaemonCase):
    """One daemon for all tests of a class, which must not change it."""

    config = basic_config()
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(cls.config, **cls.options)
        cls.addClassCleanup(cls.daemon.end)
        cls.daemon.start()
        cls.daemon.ready()
