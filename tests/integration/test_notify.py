"""What systemd is told, and when: sd_notify(3), asserted datagram by datagram."""
import signal
import statistics
import time
import unittest

from tests.support.case import DaemonCase
from tests.support.daemon import basic_config
from tests.support.http import Wire
from tests.support.wait import until

SLOW = ('[listener.web]\n[pool.web]\nlisteners = ["web"]\nworkers = 1\ncommand = ["/bin/sleep", "1000"]\n'
        'ready = { notify = true }\nstart_timeout = "10m"\n')


class Notify(DaemonCase):
    """The main process speaks to systemd, and nobody else."""

    def test_ready_when_every_worker_is(self):
        """READY=1 once, with a STATUS, from the main process, and the workers answer by then."""
        daemon = self.ready(basic_config(workers=3))
        self.assertEqual(len(daemon.ready_workers()), 3)
        message = daemon.notify.find("READY")
        self.assertEqual(message.pid, daemon.pid)
        self.assertTrue(daemon.notify.values("STATUS"))
        self.assertEqual(daemon.notify.values("READY"), ["1"])

    def test_workers_do_not_reach_systemd(self):
        """They have a NOTIFY_SOCKET of their own."""
        daemon = self.ready(basic_config(workers=3))
        daemon.reload()
        self.assertEqual({message.pid for message in daemon.notify.messages}, {daemon.pid})

    def test_reload(self):
        """RELOADING=1 with MONOTONIC_USEC in one datagram at once, READY=1 at the end."""
        daemon = self.ready()
        mark = daemon.notify.mark()
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        daemon.signal(signal.SIGHUP)
        message = daemon.notify.wait_for("RELOADING", "1", since=mark, explain=daemon.log)
        self.assertGreaterEqual(int(message["MONOTONIC_USEC"]), before)
        self.assertLessEqual(int(message["MONOTONIC_USEC"]),
                             time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
        daemon.notify.wait_for("READY", "1", since=mark, explain=daemon.log)

    def test_failed_reload_ends_with_ready_too(self):
        """Otherwise systemd would wait for it; the STATUS says that it failed."""
        daemon = self.ready()
        daemon.rewrite("nonsense = [")
        mark = daemon.notify.mark()
        daemon.signal(signal.SIGHUP)
        daemon.notify.wait_for("RELOADING", "1", since=mark)
        daemon.notify.wait_for("READY", "1", since=mark)

    def test_stopping(self):
        """STOPPING=1 right after SIGTERM, before the end."""
        daemon = self.ready()
        mark = daemon.notify.mark()
        daemon.signal(signal.SIGTERM)
        daemon.notify.wait_for("STOPPING", "1", since=mark)
        self.assertEqual(daemon.exit_status(), 0)

    def assert_asked_for_time(self, daemon, since=0):
        """A little, ahead of TimeoutStartSec= and the like; it is repeated."""
        message = daemon.notify.wait_for("EXTEND_TIMEOUT_USEC", since=since, explain=daemon.log)
        usec = int(message["EXTEND_TIMEOUT_USEC"])
        self.assertTrue(10_000_000 < usec <= 30_000_000, usec)

    def test_a_start_that_takes_long(self):
        """systemd is asked for more time at once, as long as start_timeout allows."""
        daemon = self.launch(SLOW)
        self.assert_asked_for_time(daemon)
        self.assertEqual(daemon.notify.values("READY"), [])

    def test_a_reload_that_takes_long(self):
        """As at the start."""
        daemon = self.ready()
        daemon.rewrite(SLOW)
        mark = daemon.notify.mark()
        daemon.signal(signal.SIGHUP)
        daemon.notify.wait_for("RELOADING", "1", since=mark)
        self.assert_asked_for_time(daemon, mark)
        self.assertIsNone(daemon.notify.find("READY", "1", since=mark))

    def test_a_stop_that_takes_long(self):
        """As long as workers finish."""
        daemon = self.ready(basic_config(pool='drain_timeout = "10m"'))
        mark = daemon.notify.mark()
        with Wire(daemon.address("web")) as wire:
            wire.ask("GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n")
            wire.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
            daemon.signal(signal.SIGTERM)
            self.assert_asked_for_time(daemon, mark)

    def test_a_stop_that_is_announced(self):
        """For lame_duck, before the workers are told."""
        daemon = self.ready('[daemon]\nlame_duck = "1h"\n' + basic_config())
        mark = daemon.notify.mark()
        daemon.signal(signal.SIGTERM)
        self.assert_asked_for_time(daemon, mark)

    def test_watchdog(self):
        """At least twice in each WATCHDOG_USEC, also while nothing happens; none without it."""
        daemon = self.ready(watchdog_usec=1_000_000)
        mark = daemon.notify.mark()
        pings = until(lambda: (found := [message for message in daemon.notify.messages[mark:]
                                         if message.get("WATCHDOG") == "1"])[5:] and found,
                      "six watchdog pings")
        # The median: one that comes late, because this machine had other things to do, says nothing.
        pauses = [later.at - one.at for one, later in zip(pings, pings[1:])]
        self.assertLess(statistics.median(pauses), 1, f"slower than systemd's patience: {pauses}")
        other = self.ready(basic_config(workers=1))
        mark = other.notify.mark()
        self.assertEqual(other.scale(2).status, 200)
        other.wait_workers(2)
        self.wait_status(other, mark, "2")
        self.assertEqual(other.notify.values("WATCHDOG"), [])

    def test_status_follows_the_workers(self):
        """`systemctl status` shows how many serve."""
        daemon = self.ready(basic_config(workers=2))
        mark = daemon.notify.mark()
        daemon.scale(3)
        self.wait_status(daemon, mark, "3")

    @staticmethod
    def wait_status(daemon, since, text):
        """Waits until that is told to systemd."""
        until(lambda: any(text in message.get("STATUS", "") for message in daemon.notify.messages[since:]),
              f"a STATUS with {text}", explain=lambda: repr(daemon.notify.values("STATUS")))

    def test_without_a_manager(self):
        """No NOTIFY_SOCKET: serves all the same."""
        daemon = self.launch(environment={"NOTIFY_SOCKET": ""})
        until(lambda: daemon.process.poll() is not None or self.answers(daemon), "an answer",
              explain=daemon.log)
        self.assertIsNone(daemon.process.poll(), daemon.log())

    @staticmethod
    def answers(daemon):
        """Whether the admin server is up."""
        return daemon.admin("GET", "/readyz").status == 200


if __name__ == "__main__":
    unittest.main()
