"""TestCases that own daemons: started for a test or for a class, ended whatever happens."""
import unittest

from tests.support.daemon import Daemon, basic_config
from tests.support.hammer import Hammer


class DaemonCase(unittest.TestCase):
    """A daemon per test."""

    maxDiff = None

    def launch(self, config=None, **options):
        """A daemon that was started and will be ended, ready or not."""
        daemon = Daemon(basic_config() if config is None else config, **options)
        self.addCleanup(daemon.end)
        daemon.start()
        return daemon

    def ready(self, config=None, **options):
        """A daemon that serves."""
        return self.launch(config, **options).ready()

    def load(self, daemon, listener="web", **options):
        """A hammer on one of its listeners; 12 clients with a connection per request by default."""
        if not {"short", "keepalive", "slow"} & options.keys():
            options["short"] = 12
        hammer = Hammer(daemon.address(listener), **{"path": "/whoami", **options})
        self.addCleanup(hammer.__exit__)
        return hammer

    def assert_nothing_lost(self, report, daemon=None):
        """Every request that was begun got its right answer, and none waited for a lost SYN."""
        explain = f"{report.summary()}\n{daemon.log() if daemon else ''}"
        self.assertEqual((report.lost, report["slow"]), (0, 0), explain)
        self.assertGreater(report["ok"], 0)

    def assert_in(self, needles, text):
        """Every one of `needles` is in `text`, whatever the case of letters."""
        for needle in [needles] if isinstance(needles, str) else needles:
            self.assertIn(needle.lower(), text.lower())


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
