"""The option `engine`: what the loop of a worker stands on, as people are told."""
import unittest

from tests.support.daemon import Daemon, basic_config


class Engine(unittest.TestCase):
    def status_with(self, engine):
        """What a worker says of itself, and the log."""
        daemon = Daemon(basic_config(workers=1, pool=f'engine = "{engine}"'))
        self.addCleanup(daemon.end)
        daemon.start()
        daemon.ready()
        daemon.wait_workers(1)
        self.assertEqual(daemon.get("/plaintext").body, b"Hello, World!")
        return daemon.workers()[0]["status"], daemon.log()

    def test_epoll(self):
        status, _ = self.status_with("epoll")
        self.assertEqual(status, "serving on epoll")

    def test_io_uring(self):
        """Where the kernel refuses it, the log says so with the remedy, and epoll serves."""
        status, log = self.status_with("io_uring")
        if "io-uring-refused" in log:
            self.assertIn("remedy=", log)
            self.assertEqual(status, "serving on epoll")
        else:
            self.assertEqual(status, "serving on io_uring")

    def test_automatic(self):
        status, log = self.status_with("auto")
        self.assertRegex(status, "^serving on (epoll|io_uring)$")
        self.assertNotIn("io-uring-refused", log)


if __name__ == "__main__":
    unittest.main()
